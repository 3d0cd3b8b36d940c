"""The study of a sweep as the process that owns it has it."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from dlsweep.config import ConfigError
from dlsweep.sweep.file import SweepFile, objective
from dlsweep.sweep.search import Draft, Search
from dlsweep.sweep.study._contents import StudyContents
from dlsweep.sweep.study._continuing import take_over
from dlsweep.sweep.study._database import Database, as_json, plain_numbers
from dlsweep.sweep.study._lock import OwnerLock
from dlsweep.sweep.study._opening import find_or_create
from dlsweep.sweep.study._reading import lock_file, row_of
from dlsweep.sweep.study._records import (
    ENDED,
    config_of,
    end_run,
    insert_runs,
    read_stacks,
    teach,
)
from dlsweep.sweep.study._rows import Row
from dlsweep.sweep.study._runs import PlannedStack, Run
from dlsweep.sweep.study._storage import storage_file
from dlsweep.training import DIVERGED


class Study(StudyContents):
    """A sweep's runs and results, owned by this process; made by ``Study.open``.

    It hands out runs to train (``take``, ``left_over``), keeps which of them are trained together
    (``plan``, ``begin``) and what comes of them (``epoch``, ``finish``, ``fail``). Other processes
    may read it meanwhile. What a method has stored survives this process. Everything but the points
    that were tried, eight bytes each, stays in the file.

    Attributes:
        name: the study's name in its file: the sweep's, and its fingerprint.
        sweep: what is searched.
        notices: what the user is to be told, a line each.
        taken: how many runs have been handed out so far; points that are no valid configuration
            do not count.
    """

    def __init__(
        self,
        database: Database,
        lock: OwnerLock,
        study: int,
        sweep: SweepFile,
        source: int | None = None,
        notices: Sequence[str] = (),
    ) -> None:
        super().__init__(database, study, sweep)
        self._lock = lock
        self._spent = False  # the search has no more points
        with database.transaction() as connection:
            [seed] = connection.execute(
                "SELECT seed FROM studies WHERE id = ?", (study,)
            ).fetchone()
            connection.execute(
                "UPDATE runs SET status = 'waiting' WHERE study = ? AND status = 'running'",
                (study,),
            )
            [start] = connection.execute(
                "SELECT coalesce(max(position) + 1, 0) FROM runs WHERE study = ?", (study,)
            ).fetchone()
            self._search = Search(sweep, int(seed), start)
            teach(self._search, connection, study)
        if source is not None:
            notices = (*notices, take_over(database, source, study, sweep, self._search))
        self.notices = tuple(notices)
        best = "max" if sweep.metric.goal == "maximize" else "min"
        with database.snapshot() as connection:
            self._next, self.taken, self._best = connection.execute(
                f"SELECT count(*), count(run_id), {best}(value) FROM runs WHERE study = ?", (study,)
            ).fetchone()

    @classmethod
    def open(
        cls,
        sweep: SweepFile,
        storage: str | None = None,
        *,
        seed: int | None = None,
        continue_from: str | None = None,
    ) -> Study:
        """The study of a sweep, created where there is none, continued where there is.

        Args:
            sweep: what to search. A study belongs to the sweep's fingerprint: the same search
                continues under whatever name, an edited space is a new study.
            storage: the path of the study file; ``dlsweep.db`` by default.
            seed: of a new study's random points; by default made from the fingerprint, so that
                the same file draws the same points everywhere.
            continue_from: the name of another study, or of its sweep. Its ended runs whose
                configurations belong to this sweep are taken over rather than trained again.

        Raises:
            ConfigError: in one line, where the file cannot be opened, another process owns the
                study, it was stopped, or there is none to continue from.
        """
        if continue_from is not None and not (file := storage_file(storage)).exists():
            line = f"--continue-from: got {continue_from!r}, no such study; there is no file {file}"
            raise ConfigError([line])
        database = Database(storage, create=True)
        lock: OwnerLock | None = None
        try:
            key, source, notices = find_or_create(database, sweep, seed, continue_from)
            lock = OwnerLock(lock_file(database.file, key))
            owned = lock.acquire()
            with database.snapshot() as connection:
                name, stopped = connection.execute(
                    "SELECT name, stopped FROM studies WHERE id = ?", (key,)
                ).fetchone()
            if not owned:
                raise ConfigError([f"study: another process is running {name}; stop it, or wait"])
            if stopped:
                place = ["--storage", storage] if storage else []
                hint = f"`{shlex.join(['dlsweep', 'resume', name, *place])}` lets it go on"
                raise ConfigError([f"study: {name} was stopped with `dlsweep stop`; {hint}"])
            return cls(database, lock, key, sweep, source, notices)
        except BaseException:
            database.close()
            if lock is not None:
                lock.release()
            raise

    def close(self) -> None:
        """Let go of the study. Runs that have not ended wait for the next ``open``."""
        with contextlib.suppress(Exception):  # epochs of runs that are trained again anyway
            self._write_epochs()
        self._database.close()
        self._lock.release()

    def __enter__(self) -> Study:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Handing out

    @property
    def total(self) -> int | None:
        """How many runs the whole sweep has at most; None where there is no end of them."""
        ends = [end for end in (self.sweep.run_cap, self.sweep.size) if end is not None]
        return min(ends) if ends else None

    @property
    def exhausted(self) -> bool:
        """Whether ``take`` has nothing more to give."""
        capped = self.sweep.run_cap is not None and self.taken >= self.sweep.run_cap
        reached = self._best is not None and self.sweep.metric.reached(self._best)
        return capped or reached or self._spent or self._search.exhausted

    def take(self, n: int = 1) -> list[Run]:
        """Up to ``n`` new runs to train, fewer where the sweep is at its end.

        They are stored in one transaction. Those that a dead process left are not among them; see
        ``left_over``.

        Raises:
            ConfigError: the space yields nothing but invalid configurations.
        """
        if self.sweep.run_cap is not None:
            n = min(n, self.sweep.run_cap - self.taken)
        if n <= 0 or self.exhausted:
            return []
        drafts: list[Draft] = []
        problem: ConfigError | None = None
        while sum(draft.config is not None for draft in drafts) < n and not self._spent:
            try:
                draft = self._search.next()
            except ConfigError as error:
                problem = error
                break
            if draft is None:
                self._spent = True
            else:
                drafts.append(draft)
        runs = self._add(drafts)
        if problem is not None and not runs:
            raise problem
        return runs

    def left_over(self) -> list[tuple[PlannedStack | None, list[Run]]]:
        """What a dead process left unfinished: its stacks, each with the runs that are still open.

        Runs that were in no stack yet come last, with None. All of them count as handed out from
        now on, and their ``attempt`` is one more than before.
        """
        by_stack: dict[int | None, list[Run]] = {}
        invalid = []
        with self._database.transaction() as connection:
            stacks = list(read_stacks(connection, self._id))
            for row in connection.execute(
                "SELECT * FROM runs WHERE study = ? AND status = 'waiting' ORDER BY number",
                (self._id,),
            ):
                config = config_of(row)
                if config is None:
                    invalid.append(row["number"])
                    continue
                identity = row["number"], config, row["run_id"], row["name"]
                run = Run(*identity, row["attempt"] + 1, row["deaths"])
                by_stack.setdefault(row["stack"], []).append(run)
            connection.execute(
                "UPDATE runs SET status = 'running', attempt = attempt + 1 "
                "WHERE study = ? AND status = 'waiting'",
                (self._id,),
            )
        for invalid_number in invalid:
            reason = "its configuration is not valid in this version of dlsweep"
            self._end(invalid_number, "failed", reason=reason)
        found: list[tuple[PlannedStack | None, list[Run]]] = [
            (stack, by_stack.pop(stack.id)) for stack in stacks if stack.id in by_stack
        ]
        rest = [run for runs in by_stack.values() for run in runs]
        return found + ([(None, rest)] if rest else [])

    # Results

    def finish(
        self,
        run: Run,
        status: str,
        history: Sequence[Mapping[str, Any]] = (),
        summary: Mapping[str, Any] | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> Row:
        """Store a run's end, in one transaction.

        Args:
            run: what was trained.
            status: finished, early_stopped, stopped or diverged.
            history: what was logged every epoch, in order, numbers by name.
            summary: what was logged at the end, by name.
            info: what else is to be kept with the run, as JSON has it, such as its directory.

        Returns:
            The run's row. Its value is the metric's last logged one; a run that diverged or never
            logged the metric has none, and counts for bayes as one of the worst.

        Raises:
            ValueError: it has ended before.
        """
        if status not in ENDED:
            raise ValueError(f"status {status!r}; choose from {', '.join(ENDED)}")
        epochs, end = [plain_numbers(epoch) for epoch in history], plain_numbers(summary or {})
        value = None if status == DIVERGED else objective(self.sweep.metric, epochs, end)
        return self._end(run.number, status, value, epochs, end, info=info or {})

    def fail(self, run: Run, reason: str, info: Mapping[str, Any] | None = None) -> Row:
        """Store that a run could not be trained, and why; it is not tried again."""
        return self._end(run.number, "failed", reason=reason, info=info or {})

    # Inside

    def _add(self, drafts: Sequence[Draft]) -> list[Run]:
        """Number and store what was drawn; returns what is to be trained."""
        with self._database.transaction() as connection:
            runs = insert_runs(connection, self._id, self._next, drafts, self.sweep.space)
        if self._search.bayes is not None:
            for number, draft in enumerate(drafts, start=self._next):
                if draft.config is not None and draft.ticket is not None:
                    self._search.bayes.accept(draft.ticket, number)
                elif draft.config is not None:
                    self._search.bayes.add(number, draft.coordinates)
        self._next += len(drafts)
        self.taken += len(runs)
        return runs

    def _end(
        self,
        number: int,
        status: str,
        value: float | None = None,
        history: Sequence[Mapping[str, Any]] = (),
        summary: Mapping[str, Any] | None = None,
        *,
        reason: str = "",
        info: Mapping[str, Any] | None = None,
    ) -> Row:
        self._live.pop(number, None)
        ending = {
            "status": status,
            "value": value,
            "summary": as_json(summary or {}),
            "reason": reason,
            "info": as_json(dict(info or {})),
        }
        with self._database.transaction() as connection:
            row = end_run(connection, self._id, number, history, ending)
        if row is None:
            raise ValueError(f"run {number} is not running: it has ended before")
        if self._search.bayes is not None:
            self._search.bayes.tell(number, value, counts=status != "failed")
        if value is not None and (
            self._best is None or self.sweep.metric.better(value, self._best)
        ):
            self._best = value
        return row_of(row, list(history), owned=True)
