"""The study of a sweep, as the process that owns it uses it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import secrets
import shlex
import shutil
import sqlite3
import string
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from dlsweep.config import ConfigError
from dlsweep.sweep.file import Config, Coordinates, SweepFile, objective, plain
from dlsweep.sweep.search import Draft, Search
from dlsweep.sweep.study._contents import StudyContents
from dlsweep.sweep.study._database import Database, as_json, from_json, insert
from dlsweep.sweep.study._lessons import lessons_of
from dlsweep.sweep.study._lock import OwnerLock
from dlsweep.sweep.study._names import run_name
from dlsweep.sweep.study._opening import (
    find_named,
    find_or_create,
    other_study,
    searches_nothing,
    take_over,
)
from dlsweep.sweep.study._points import SEED, Point, new_seeds, with_seed
from dlsweep.sweep.study._reading import all_studies, lock_file, read_rows, row_of
from dlsweep.sweep.study._runs import ENDED, PlannedStack, Row, Run
from dlsweep.sweep.study._storage import storage_file

_ALPHABET = string.ascii_lowercase + string.digits


class Study(StudyContents):
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
        best = "max" if sweep.metric.goal == "maximize" else "min"
        [[start, self._next, self.taken]] = database.query(
            "SELECT coalesce(max(position) + 1, 0), count(*), "
            "count(CASE role WHEN 'search' THEN run_id END) FROM runs WHERE study = ?",
            self._id,
        )
        [[self._best]] = database.query(
            f"SELECT {best}(mean) FROM (SELECT CASE WHEN sum(status IN ('running', 'waiting', "
            "'diverged')) = 0 THEN avg(value) END AS mean FROM runs WHERE study = ? AND "
            "role IN ('search', 'repeat') GROUP BY coalesce(repeat_of, number))",
            self._id,
        )
        self._search = Search(sweep, int(study["seed"]), start, first)
        self._teach()

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
            lock = _owned(undo, database, study, storage)
            if source is not None:
                with database.transaction() as connection:
                    notices += (take_over(connection, source, study["id"], sweep),)
            opened = cls(database, lock, study, sweep, repeats, parameter, first)
            opened.notices = notices + opened._learn(learn_from)
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
            lock = _owned(undo, database, study, storage)
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
        return self._best is not None and self.sweep.metric.reached(self._best)

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

    def left_over(
        self, only: Collection[int] | None = None
    ) -> list[tuple[PlannedStack | None, list[Run]]]:
        """What a dead process left unfinished: its stacks, each with the runs that are still open.

        Runs that were in no stack yet come last, with None. All of them count as handed out from
        now on, and their ``attempt`` is one more than before.

        Args:
            only: the numbers of the runs that are handed out; by default all.
        """
        left: dict[int | None, list[Run]] = {}
        columns = "number, config, run_id, name, attempt + 1, deaths, role, repeat_of, stack"
        waiting = "study = ? AND status = 'waiting'"
        if only is not None:
            waiting += f" AND number IN ({', '.join(str(int(n)) for n in only)})"
        rows = self._database.query(
            f"SELECT {columns} FROM runs WHERE {waiting} ORDER BY number", self._id
        )
        update = f"UPDATE runs SET status = 'running', attempt = attempt + 1 WHERE {waiting}"
        self._database.write(update, [(self._id,)])
        for number, text, *identity, role, repeat_of, stack in rows:
            settings = from_json(text, f"the config of run {number}")
            config = self.sweep.space.restore(settings)
            if config is None:
                reason = "its configuration is not valid in this version of dlsweep"
                self._end(number, {"status": "failed", "reason": reason})
            else:
                run = Run(number, config, *identity)
                run.role, run.repeat_of = role, repeat_of
                left.setdefault(stack, []).append(run)
        unstacked = left.pop(None, [])
        found: list[tuple[PlannedStack | None, list[Run]]] = [
            (self._stack(key), left[key]) for key in sorted(k for k in left if k is not None)
        ]
        return found + ([(None, unstacked)] if unstacked else [])

    def promote(self, numbers: Sequence[int], rung: Path) -> tuple[PlannedStack, list[Run]]:
        """Let runs of one stack that have paused go on, in a stack of their own.

        Args:
            numbers: of the runs.
            rung: the stack as it was when they paused, which becomes the new one's checkpoint.
        """
        marks = ", ".join("?" * len(numbers))
        where = f"study = ? AND number IN ({marks}) AND status = 'stopped'"
        rows = self._database.query(
            f"SELECT * FROM runs WHERE {where} ORDER BY number", self._id, *numbers
        )
        [old] = {row["stack"] for row in rows}
        before = self._stack(old)
        stack = dataclasses.replace(before, id=self._last_stack + 1, begun=True)
        file = self.checkpoint(stack)
        temporary = file.with_name(f"{file.name}.part")
        shutil.copyfile(rung, temporary)
        temporary.replace(file)
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO stacks (study, id, members, begun) VALUES (?, ?, ?, 1)",
                (self._id, stack.id, as_json(stack.members)),
            )
            connection.execute(
                "UPDATE runs SET status = 'running', stack = ?, attempt = attempt + 1, "
                f"finished = NULL, value = NULL WHERE {where}",
                (stack.id, self._id, *numbers),
            )
        self._last_stack += 1
        runs = []
        for row in rows:
            config = self.config(row["number"])
            run = Run(row["number"], config, row["run_id"], row["name"], row["attempt"] + 1)
            run.deaths, run.role, run.repeat_of = row["deaths"], row["role"], row["repeat_of"]
            runs.append(run)
        return stack, runs

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
        epochs, end = json.loads(as_json([list(history), dict(summary or {})]))  # plain numbers
        value = None if status == "diverged" else objective(self.sweep.metric, epochs, end)
        columns = {"status": status, "value": value, "summary": end, "info": info or {}}
        return self._end(run.number, columns, epochs)

    def fail(self, run: Run, reason: str, info: Mapping[str, Any] | None = None) -> Row:
        """Store that a run has failed, and why, with what it had logged; it is not tried again."""
        history = json.loads(as_json([metrics.as_dict() for metrics in run.history]))
        columns = {"status": "failed", "reason": reason, "info": info or {}}
        return self._end(run.number, columns, history)

    def reopen(self, runs: Sequence[Run]) -> None:
        """Let runs that have failed wait, so that the next ``open`` of the study hands them out."""
        self._database.write(
            "UPDATE runs SET status = 'waiting', reason = '', finished = NULL "
            "WHERE study = ? AND number = ? AND status = 'failed' AND run_id IS NOT NULL",
            [(self._id, run.number) for run in runs],
        )

    # Inside

    def _teach(self) -> None:
        """Tell the search of all points so far, and bayes how they ended."""
        groups: dict[int, list[Row]] = {}
        with self._database.snapshot() as connection:
            for run in read_rows(connection, self._id, owned=True, epochs="none"):
                self._search.add(run.coordinates, run.config if run.run_id else None)
                if run.run_id and run.role in ("search", "repeat"):
                    groups.setdefault(run.point, []).append(run)
        for point, runs in groups.items():
            if len(runs) < self.repeats:
                self._lack(runs)
            ended, value = _mean(runs)
            bayes, place = self._search.bayes, runs[0].coordinates
            if bayes is None:
                continue
            if not ended or len(runs) < self.repeats:
                bayes.add(point, place)
            elif any(run.status in ENDED for run in runs):
                bayes.learn(place, self._learned(runs, value), self._stopped_after(runs))

    def _learn(self, studies: Sequence[str]) -> tuple[str, ...]:
        """Teach bayes what other studies have found; a notice for each."""
        notices = []
        with self._database.snapshot() as connection:
            own = read_rows(connection, self._id, owned=True, epochs="none")
            known = {run.run_id for run in own}
            for name in studies:
                source = other_study(all_studies(connection), self.sweep, name)
                lessons, notice = lessons_of(connection, source, self.sweep, known)
                notices.append(notice)
                for lesson in lessons:
                    if self._search.bayes is not None:
                        self._search.bayes.learn(lesson.coordinates, lesson.values, lesson.stopped)
        return tuple(notices)

    def _stopped_after(self, rows: Sequence[Row]) -> int | None:
        """After how many epochs the runs of a point were stopped; None if one of them was not."""
        if any(row.status != "stopped" for row in rows):
            return None
        query = "SELECT coalesce(max(epoch), 0) FROM epochs WHERE study = ? AND run = ?"
        return max(int(self._database.query(query, self._id, row.number)[0][0]) for row in rows)

    def _learned(self, rows: Sequence[Row], value: float | None) -> tuple[float, ...] | None:
        """What bayes learns of a point: its mean metrics; None unless it has all of them.

        Args:
            rows: its runs.
            value: its mean by the metric that decides.
        """
        if value is None:
            return None
        found = [value]
        for metric in self.sweep.others:
            values = [objective(metric, self._history(row), row.summary) for row in rows]
            known = [v for v in values if v is not None]
            if not known:
                return None
            found.append(fmean(known))
        return tuple(found)

    def _history(self, row: Row) -> list[Any]:
        query = "SELECT metrics FROM epochs WHERE study = ? AND run = ? ORDER BY epoch"
        epochs = self._database.query(query, self._id, row.number)
        return [from_json(text, f"an epoch of run {row.number}") for (text,) in epochs]

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

    def _stack(self, key: int) -> PlannedStack:
        query = "SELECT * FROM stacks WHERE study = ? AND id = ?"
        [row] = self._database.query(query, self._id, key)
        members = from_json(row["members"], f"the members of stack {key}")
        return PlannedStack(key, tuple(members), bool(row["begun"]))

    def _end(
        self, number: int, columns: Mapping[str, Any], history: Sequence[Mapping[str, Any]] = ()
    ) -> Row:
        """Store the end of a run: columns of its row, and its epochs."""
        self._unwritten.pop(number, None)
        with self._database.transaction() as connection:
            row = row_of(end_run(connection, (self._id, number), columns, history), history)
        if row.role in ("search", "repeat"):
            self._point_ended(row)
        return row

    def _point_ended(self, row: Row) -> None:
        """Tell bayes the mean of a point, once the last of its runs has ended."""
        rows = [row]
        if self.repeats > 1 or row.repeat_of is not None:
            query = "SELECT * FROM runs WHERE study = ? AND coalesce(repeat_of, number) = ? "
            query += "AND role IN ('search', 'repeat')"
            rows = [row_of(run, ()) for run in self._database.query(query, self._id, row.point)]
        ended, value = _mean(rows)
        if not ended:
            return
        if self._search.bayes is not None:
            counts = any(run.status in ENDED for run in rows)
            stopped = self._stopped_after(rows)
            values = self._learned(rows, value)
            self._search.bayes.tell(row.point, values, counts=counts, stopped=stopped)
        if value is not None and (
            self._best is None or self.sweep.metric.better(value, self._best)
        ):
            self._best = value


def _owned(
    undo: contextlib.ExitStack, database: Database, study: sqlite3.Row, storage: str | None
) -> OwnerLock:
    """Take the lock of a study that may be trained; ``undo`` gives it back."""
    lock = OwnerLock(lock_file(database.file, study["id"]))
    undo.callback(lock.release)
    name = study["name"]
    if not lock.acquire():
        raise ConfigError([f"study: another process is running {name}; stop it, or wait"])
    if study["stopped"]:
        place = ["--storage", storage] if storage else []
        hint = f"`{shlex.join(['dlsweep', 'resume', name, *place])}` lets it go on"
        raise ConfigError([f"study: {name} was stopped with `dlsweep stop`; {hint}"])
    return lock


def _mean(rows: Sequence[Row]) -> tuple[bool, float | None]:
    """Whether all runs of a point have ended, and their mean value; None if one has diverged."""
    point = Point(rows[0].number, tuple(rows))
    return all(row.status in (*ENDED, "failed") for row in rows), point.value


def _new_id() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(8))


def end_run(
    connection: sqlite3.Connection, run: tuple[int, int], columns: Mapping[str, Any], history: Any
) -> sqlite3.Row:
    """Store a run's end, its epochs in place of those that were written while it was trained."""
    values = {k: as_json(v) if isinstance(v, Mapping) else v for k, v in columns.items()}
    changed = connection.execute(
        f"UPDATE runs SET finished = ?, {', '.join(f'{column} = ?' for column in values)} "
        "WHERE study = ? AND number = ? AND status = 'running'",
        (time.time(), *values.values(), *run),
    )
    if changed.rowcount != 1:
        raise ValueError(f"run {run[1]} is not running: it has ended before")
    connection.execute("DELETE FROM epochs WHERE study = ? AND run = ?", run)
    connection.executemany(
        "INSERT INTO epochs VALUES (?, ?, ?, ?)",
        [(*run, epoch, as_json(m)) for epoch, m in enumerate(history, start=1)],
    )
    query = "SELECT * FROM runs WHERE study = ? AND number = ?"
    row: sqlite3.Row = connection.execute(query, run).fetchone()
    return row
