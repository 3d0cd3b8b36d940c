"""The study of a sweep, as the process that owns it uses it."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import sqlite3
import string
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from dlsweep.config import ConfigError
from dlsweep.sweep.file import Config, Coordinates, SweepFile, plain
from dlsweep.sweep.search import Draft, Search
from dlsweep.sweep.study._database import Database, as_json, insert
from dlsweep.sweep.study._lock import OwnerLock
from dlsweep.sweep.study._names import run_name
from dlsweep.sweep.study._opening import (
    find_named,
    find_or_create,
    other_study,
    searches_nothing,
    take_lock,
    take_over,
)
from dlsweep.sweep.study._points import SEED, new_seeds, with_seed
from dlsweep.sweep.study._reading import all_studies
from dlsweep.sweep.study._results import StudyResults
from dlsweep.sweep.study._runs import Row, Run
from dlsweep.sweep.study._storage import storage_file
from dlsweep.sweep.study._teacher import Teacher

_ALPHABET = string.ascii_lowercase + string.digits


class Study(StudyResults):
    """A sweep's runs and results, owned by this process; made by ``Study.open``.

    It hands out runs to train (``take``, ``left_over``), keeps which of them are trained together
    (``plan``, ``begin``) and how they end (``epoch``, ``finish``, ``fail``). Other processes may
    read it meanwhile. What a method has stored survives this process. Everything but the points
    that were tried, eight bytes each, stays in the file.

    Attributes:
        name: the study's name in its file: the sweep's, and its fingerprint.
        sweep: what is searched.
        file: the study file.
        notices: messages for the user, a line each.
        searches: whether it has a search; else all of its runs were added.
        taken: how many points have been handed out so far; those that are not valid do not count.
        repeats: how many seeds each point is trained with; the search learns their mean.
    """

    def __init__(
        self,
        database: Database,
        lock: OwnerLock,
        study: sqlite3.Row,
        sweep: SweepFile,
        repeats: int = 1,
        parameter: str = SEED,
        first: Sequence[Coordinates] = (),
    ) -> None:
        super().__init__(database, study, sweep)
        self.notices: tuple[str, ...] = ()
        self.searches = True
        self.repeats = repeats
        self._parameter = parameter
        self._lock = lock
        self._spent = False  # the search has no more points
        self._lacking: deque[tuple[Run, list[Config]]] = deque()  # points with too few seeds
        database.write(
            "UPDATE runs SET status = 'waiting' WHERE study = ? AND status = 'running'",
            [(self._id,)],
        )
        [[start, self._next, self.taken]] = database.query(
            "SELECT coalesce(max(position) + 1, 0), count(*), "
            "count(CASE role WHEN 'search' THEN run_id END) FROM runs WHERE study = ?",
            self._id,
        )
        self._search = Search(sweep, int(study["seed"]), start, first)
        self._teacher = Teacher(database, self._id, sweep, self._search, repeats)
        for runs in self._teacher.load():
            self._lack(runs)

    @classmethod
    def open(
        cls,
        sweep: SweepFile,
        storage: str | None = None,
        *,
        seed: int | None = None,
        continue_from: str | None = None,
        repeats: int = 1,
        parameter: str = SEED,
        first: Sequence[Coordinates] = (),
        learn_from: Sequence[str] = (),
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
            repeats: how many seeds each point is trained with; points that the study has with fewer
                get the others first.
            parameter: of a program, the one that is its seed.
            first: points that are tried before all others; those that are there already are not.
            learn_from: the names of other studies, or of their sweeps, from whose runs bayes
                learns; they are not taken over.

        Raises:
            ConfigError: in one line, where the file cannot be opened, another process owns the
                study, it was stopped, or there is none to continue from.
        """
        asked = {"--continue-from": filter(None, [continue_from]), "--learn-from": learn_from}
        for flag, names in ((flag, list(names)) for flag, names in asked.items()):
            if names and not (file := storage_file(storage)).exists():
                line = f"{flag}: got {names[0]!r}, no such study; there is no file {file}"
                raise ConfigError([line])
        with contextlib.ExitStack() as undo:
            database = undo.enter_context(Database(storage, create=True))
            with database.transaction() as connection:
                known = all_studies(connection)
                for name in learn_from:
                    other_study(known, sweep, name, "--learn-from")
                study, source, notices = find_or_create(connection, sweep, seed, continue_from)
            lock = take_lock(database.file, study, storage)
            undo.callback(lock.release)
            if source is not None:
                with database.transaction() as connection:
                    notices += (take_over(connection, source, study["id"], sweep),)
            opened = cls(database, lock, study, sweep, repeats, parameter, first)
            opened.notices = notices + opened._teacher.learn_from(learn_from)
            undo.pop_all()
            return opened

    @classmethod
    def open_named(
        cls, name: str, storage: str | None = None, *, new: SweepFile | None = None
    ) -> Study:
        """The study of a name, to add runs to it (see ``add_runs``): it hands out none to search.

        Args:
            name: the study's or its sweep's name, or the sweep's fingerprint.
            storage: see ``open``.
            new: what a study is made of where there is none of the name. Such a study searches
                nothing; its runs are those that are added.

        Raises:
            ConfigError: as ``open``; and where there is none of the name and none is to be made.
        """
        with contextlib.ExitStack() as undo:
            database = undo.enter_context(Database(storage, create=new is not None))
            with database.transaction() as connection:
                study, sweep = find_named(connection, name, new)
            lock = take_lock(database.file, study, storage)
            undo.callback(lock.release)
            opened = cls(database, lock, study, sweep)
            opened.sweep = dataclasses.replace(sweep, run_cap=opened.taken)
            opened.searches = not searches_nothing(study)
            undo.pop_all()
            return opened

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
        """How many points the whole sweep has at most; None where there is no limit."""
        ends = [end for end in (self.sweep.run_cap, self.sweep.size) if end is not None]
        return min(ends, default=None)

    @property
    def reached(self) -> bool:
        """Whether a run is as good as the metric's target."""
        best = self._teacher.best
        return best is not None and self.sweep.metric.reached(best)

    @property
    def exhausted(self) -> bool:
        """Whether ``take`` has nothing more to give."""
        if self._lacking:
            return False
        capped = self.sweep.run_cap is not None and self.taken >= self.sweep.run_cap
        return capped or self.reached or self._spent or self._search.exhausted

    def take(self, n: int = 1) -> list[Run]:
        """Up to ``n`` new runs to train, fewer where the sweep is at its end.

        They are all seeds of one point at least, however many that are. Those that a dead process
        left are not among them; see ``left_over``.

        Raises:
            ConfigError: the space yields nothing but invalid configurations.
        """
        if n > 0 and self._lacking:
            return self._repeat([self._lacking.popleft() for _ in range(self._at_once(n))])
        n = self._at_once(n) if n > 0 else 0
        if self.sweep.run_cap is not None:
            n = min(n, self.sweep.run_cap - self.taken)
        if n <= 0 or self.exhausted:
            return []
        drafts: list[Draft] = []
        valid = 0
        try:
            while valid < n and (draft := self._search.next()) is not None:
                drafts.append(draft)
                valid += draft.config is not None
            self._spent = valid < n
        except ConfigError:
            if not valid:
                self._add(drafts)  # a user may look up what was wrong with them
                raise
        runs = self._add(drafts)
        return self._repeat([(run, [run.config]) for run in runs], runs)

    def _at_once(self, n: int) -> int:
        """How many points ``n`` runs are, one at least."""
        points = max(1, n // self.repeats)
        return min(points, len(self._lacking)) if self._lacking else points

    def _repeat(
        self, points: Sequence[tuple[Run, list[Config]]], runs: Sequence[Run] = ()
    ) -> list[Run]:
        """Add the seeds that points lack; each new run follows the one that it repeats.

        Args:
            points: the first run of each, and the configurations that it has with other seeds.
            runs: those of the first runs that are handed out too.
        """
        configs: list[Config] = []
        numbers: list[int] = []
        for first, known in points:
            used = [config.as_dict().get(self._parameter) for config in known]
            for seed in new_seeds(used, self.repeats - len(known)):
                configs.append(with_seed(first.config, seed, self._parameter))
                numbers.append(first.number)
        found = [*runs, *(self.add_runs(configs, "repeat", numbers) if configs else ())]
        return sorted(found, key=lambda run: (run.point, run.number))

    def add_runs(
        self, configs: Sequence[Config], role: str, repeat_of: Sequence[int | None] = ()
    ) -> list[Run]:
        """Runs of given configurations, handed out to be trained; stored in one transaction.

        They are not points of the search: they do not count for ``run_cap``, and the search learns
        nothing of them.

        Args:
            configs: the configurations, in the space of the sweep or not.
            role: one of ``ROLES``, but not search.
            repeat_of: for each of them the number of the run that it repeats with another seed, or
                None; by default none repeats any.
        """
        runs = []
        with self._database.transaction() as connection:
            for number, config in enumerate(configs, start=self._next):
                settings = config.as_dict()
                name = run_name(self.sweep, settings, number)
                first = repeat_of[number - self._next] if repeat_of else None
                run = Run(number, config, _new_id(), name, role=role, repeat_of=first)
                runs.append(run)
                row = {"study": self._id, "number": number, "run_id": run.run_id, "name": name}
                row |= {"status": "running", "role": role, "repeat_of": first}
                row |= {"started": time.time(), "coordinates": "{}", "config": as_json(settings)}
                insert(connection, "runs", row)
        self._next += len(runs)
        return runs

    # Inside

    def _ended(self, row: Row) -> None:
        """See ``StudyResults``."""
        self._teacher.ended(row)

    def _lack(self, runs: Sequence[Row]) -> None:
        """Note a point that has not been trained with as many seeds as are wanted."""
        restored = [self.sweep.space.restore(run.config) for run in runs]
        known = [config for config in restored if config is not None]
        if len(known) == len(runs):
            first = Run(runs[0].number, known[0], runs[0].run_id, runs[0].name)
            self._lacking.append((first, known))

    def _add(self, drafts: Sequence[Draft]) -> list[Run]:
        """Number and store what was drawn; returns the runs to train."""
        runs = []
        now = time.time()
        with self._database.transaction() as connection:
            for number, draft in enumerate(drafts, start=self._next):
                row: dict[str, Any] = {
                    "position": draft.index,
                    "coordinates": as_json(draft.coordinates),
                }
                if draft.config is None:
                    settings = self.sweep.space.settings(draft.coordinates)
                    settings = {k: plain(v) for k, v in settings.items()}
                    row |= {"name": f"invalid-{number}", "status": "failed"}
                    row |= {"reason": draft.reason, "finished": now}
                else:
                    settings = draft.config.as_dict()
                    name = run_name(self.sweep, settings, number)
                    run = Run(number, draft.config, _new_id(), name)
                    row |= {"run_id": run.run_id, "name": run.name, "status": "running"}
                    runs.append(run)
                    if self._search.bayes is not None:
                        self._search.bayes.add(number, draft.coordinates, draft.ticket)
                row |= {"study": self._id, "number": number, "started": now}
                insert(connection, "runs", {**row, "config": as_json(settings)})
        self._next += len(drafts)
        self.taken += len(runs)
        return runs


def _new_id() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(8))
