"""The study of a sweep: which runs were asked for, are running, finished, failed.

One process owns a study in a SQLite file and hands out its points (``ask``); their results come
back to it (``finish``, ``fail``). Others may read it meanwhile (see ``_reading``). In PostgreSQL
several processes own it together (see ``_shared``).
"""

from __future__ import annotations

import secrets
import shlex
import string
import time
from collections.abc import Mapping, Sequence
from typing import Any

from dlsweep.config import ConfigError, RunConfig
from dlsweep.sweep._database import storage_name
from dlsweep.sweep._distributions import plain
from dlsweep.sweep._file import SweepFile
from dlsweep.sweep._finding import find_or_make
from dlsweep.sweep._hyperband import STOPPED
from dlsweep.sweep._lock import OwnerLock
from dlsweep.sweep._metric import number
from dlsweep.sweep._point import Point, config_of, point_of
from dlsweep.sweep._reading import STOP, SWEEP
from dlsweep.sweep._rows import Row, objective, to_row
from dlsweep.sweep._search import Draft, Search
from dlsweep.sweep._store import Store
from dlsweep.sweep._study_records import StudyRecords
from dlsweep.sweep._tables import Record

__all__ = ["Point", "Study"]

_SEED = "seed"
_LOOK = 2.0  # seconds between looks at whether the study was stopped
_ENDINGS = ("finished", "early_stopped", STOPPED, "diverged")
_ALPHABET = string.ascii_lowercase + string.digits


class Study(StudyRecords):
    """A sweep's points and results, owned by this process; made by ``Study.open``."""

    def __init__(
        self,
        store: Store,
        study_id: int,
        name: str,
        sweep: SweepFile,
        seed: int,
        lock: OwnerLock | None,
    ) -> None:
        super().__init__(store, study_id, name, sweep)
        self._lock = lock
        self._seed = seed
        self._looked = time.monotonic()
        self._stop = False
        self._search = self._resume(seed)

    @classmethod
    def open(
        cls, sweep: SweepFile, storage: str | None = None, *, seed: int | None = None
    ) -> Study:
        """The study of a sweep, made where there is none, continued where there is.

        Args:
            sweep: what to search. A study belongs to the sweep's fingerprint: the same search
                continues under whatever name, an edited space is a new study.
            storage: a database URL or the path of a SQLite file; ``dlsweep.db`` by default.
            seed: of a new study's random points; by default made from the fingerprint, so that
                the same file draws the same points everywhere.

        Raises:
            ConfigError: in one line, where the storage cannot be opened, another process of
                this machine owns the study, or it was stopped.
        """
        store = Store(storage)
        lock: OwnerLock | None = None
        try:
            key, name = find_or_make(store, sweep)
            lock = store.lock(key)
            if lock is not None and not lock.acquire():
                raise ConfigError([f"study: another process is running {name}; stop it, or wait"])
            stored = store.attributes(key)
            if stored.get(STOP):
                place = ["--storage", storage_name(storage)] if storage else []
                hint = f"`{shlex.join(['dlsweep', 'resume', name, *place])}` lets it go on"
                raise ConfigError([f"study: {name} was stopped with `dlsweep stop`; {hint}"])
            if _SEED not in stored:
                chosen = int(sweep.fingerprint, 16) if seed is None else seed
                store.set_attribute(key, _SEED, chosen)
                stored[_SEED] = chosen
            if stored.get(SWEEP) != sweep.as_dict():
                store.set_attribute(key, SWEEP, sweep.as_dict())
            if store.shared:
                from dlsweep.sweep._shared import SharedStudy  # which is a Study

                cls = SharedStudy
            return cls(store, key, name, sweep, int(stored[_SEED]), lock)
        except BaseException:
            if lock is not None:
                lock.release()
            store.close()
            raise

    def close(self) -> None:
        """Let go of the study. Points that are not finished wait for the next ``open``."""
        if self._lock is not None:
            self._lock.release()
        self._store.close()

    def __enter__(self) -> Study:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Asking

    @property
    def total(self) -> int | None:
        """How many runs the whole sweep has at most; None where there is no end of them."""
        ends = [end for end in (self.sweep.run_cap, self.sweep.size) if end is not None]
        return min(ends) if ends else None

    @property
    def asked(self) -> int:
        """How many runs have been handed out so far; invalid points do not count."""
        return sum("run_id" in r.attributes for r in self._records.values())

    def ask(self, n: int = 1) -> list[Point]:
        """Up to ``n`` runs to train, fewer where the sweep is at its end.

        Those that a process left unfinished when it died come first, with their old number,
        configuration and id; of stacks that can be formed again here all of them, be they more.

        Raises:
            ConfigError: the space yields nothing but invalid configurations.
        """
        points = self._hand_out_again(n)
        wanted = n - len(points)
        if self.sweep.run_cap is not None:
            wanted = min(wanted, self.sweep.run_cap - self.asked)
        if wanted <= 0 or self._target_reached():
            return points
        drafts: list[Draft] = []
        trouble: ConfigError | None = None
        while sum(draft.config is not None for draft in drafts) < wanted:
            try:
                draft = self._search.next()
            except ConfigError as error:
                trouble = error
                break
            if draft is None:
                break
            drafts.append(draft)
        points += self._add(drafts)
        if trouble is not None and not points:
            raise trouble
        return points

    def finish(
        self,
        point: Point,
        status: str,
        history: Sequence[Mapping[str, Any]] = (),
        summary: Mapping[str, Any] | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> Row:
        """Store a run's end: one write.

        Args:
            point: what was trained.
            status: finished, early_stopped, stopped or diverged.
            history: what was logged every epoch, in order, numbers by name.
            summary: what was logged at the end, by name.
            info: what else is to be kept with the run, as JSON has it, such as its directory.

        Returns:
            The run's row. Its value is the metric's last logged one; a run that diverged or never
            logged the metric has none, and counts for bayes as one of the worst.
        """
        if status not in _ENDINGS:
            raise ValueError(f"status {status!r}; choose from {', '.join(_ENDINGS)}")
        metric = self.sweep.metric
        epochs, end = [_plain(epoch) for epoch in history], _plain(summary or {})
        value = None if status == "diverged" else objective(metric, epochs, end)
        curve = {step: number(epoch.get(metric.name)) for step, epoch in enumerate(epochs, start=1)}
        steps = {step: v for step, v in curve.items() if v is not None}
        told = {"status": status, "history": epochs, "summary": end, "info": dict(info or {})}
        # Optuna's word for a run that was stopped is pruned, and for it that has no value.
        pruned = value is None or status == STOPPED
        return self._end(point, "pruned" if pruned else "complete", value, told, steps)

    def fail(self, point: Point, reason: str, info: Mapping[str, Any] | None = None) -> Row:
        """Store that a run could not be trained, and why; it is not tried again."""
        told = {"status": "failed", "reason": reason, "info": dict(info or {})}
        return self._end(point, "fail", None, told, {})

    # Stacks

    def left_over(self) -> list[Point]:
        """All points that a process left unfinished when it died; ``ask`` then gives new ones."""
        return self._hand_out_again(len(self._stale))

    @property
    def owned(self) -> bool:
        """Whether no other process can be training this study's points."""
        return self._lock is not None

    # Reading

    def stop_asked(self) -> bool:
        """Whether ``dlsweep stop`` has stopped the study; looked up every few seconds."""
        if time.monotonic() - self._looked > _LOOK:
            self._looked = time.monotonic()
            self._stop = self._look_for_stop()
        return self._stop

    def others(self) -> int:
        """How many runs other processes are training, where they share the study; else 0."""
        return 0

    def news(self) -> list[Row]:
        """Runs of other processes of which there is something new since the last call."""
        return []

    def lost(self) -> list[Row]:
        """Runs of this process that another trains now or has ended; each is told once."""
        return []

    @property
    def machines(self) -> int:
        """How many processes train the study now, this one among them; one for each machine."""
        return 1

    # Inside

    def _resume(self, seed: int) -> Search:
        """The search, with what the study already holds."""
        stored = [record.attributes for record in self._records.values()]
        search = Search(
            self.sweep,
            seed,
            start=max((a.get("index", -1) for a in stored), default=-1) + 1,
            tried=[a["coordinates"] for a in stored if "coordinates" in a],
            configs=[c for c in map(config_of, stored) if c is not None],
        )
        if search.bayes is not None:
            for record in self._records.values():
                self._teach(search, record)
        return search

    def _teach(self, search: Search, record: Record) -> None:
        """Tell bayes of a point that was not asked for here, or of how it ended."""
        if search.bayes is not None and "run_id" in record.attributes:
            search.bayes.add(record.number, record.attributes["coordinates"])
            if record.state != "running":
                row = to_row(record, self.sweep.metric, alive=True)
                search.bayes.tell(record.number, row.value, counts=record.state != "fail")

    def _look_for_stop(self) -> bool:
        return bool(self._store.attributes(self._id).get(STOP))

    def _marks(self) -> dict[str, Any]:
        """What is stored with every point that is handed out."""
        return {}

    def _choose_again(self, n: int) -> list[int]:
        """Which of the points that are left over are to be handed out now."""
        return self._stale[:n]

    def _hand_out_again(self, n: int) -> list[Point]:
        points: list[Point] = []
        chosen = self._choose_again(n)
        self._stale = [left for left in self._stale if left not in chosen]
        for record in [self._records[again] for again in chosen]:
            config = config_of(record.attributes)
            attempt = record.attributes.get("attempt", 1) + 1
            point = point_of(record, config or RunConfig(), attempt, self.place)
            if config is None:
                self.fail(point, "its configuration is not valid in this version of dlsweep")
            else:
                points.append(point)
        records = [self._records[point.number] for point in points]
        self._store.update(records, "attempt", [point.attempt for point in points])
        return points

    def _add(self, drafts: Sequence[Draft]) -> list[Point]:
        """Number and store what was drawn, in one write; what is valid is to be trained."""
        if not drafts:
            return []
        written = []
        for draft in drafts:
            attributes = {"index": draft.index, "coordinates": draft.coordinates, **self._marks()}
            if draft.config is not None:
                attributes["run_id"] = "".join(secrets.choice(_ALPHABET) for _ in range(8))
                attributes["config"] = draft.config.as_dict()
            else:
                settings = self.sweep.space.settings(draft.coordinates).items()
                config = {name: plain(value) for name, value in settings}
                attributes |= {"config": config, "status": "failed", "reason": draft.reason}
            written.append((draft.coordinates, attributes))
        points = []
        records = self._store.add(self._id, written, self.sweep.space.axes)
        for draft, record in zip(drafts, records, strict=True):
            self._records[record.number] = record
            if draft.config is None:
                continue
            if self._search.bayes is not None and draft.ticket is not None:
                self._search.bayes.accept(draft.ticket, record.number)
            elif self._search.bayes is not None:
                self._search.bayes.add(record.number, draft.coordinates)
            points.append(point_of(record, draft.config))
        return points

    def _end(
        self,
        point: Point,
        state: str,
        value: float | None,
        told: dict[str, Any],
        steps: Mapping[int, float],
    ) -> Row:
        record = self._records[point.number]
        if not self._store.finish(record, state, value, told, steps):
            raise ValueError(f"run {point.number} is not running: it has ended before")
        if self._search.bayes is not None:
            self._search.bayes.tell(point.number, value, counts=state != "fail")
        return to_row(record, self.sweep.metric, alive=True)

    def _target_reached(self) -> bool:
        if self.sweep.metric.target is None:
            return False
        best = self.table().best()
        return best is not None and best.value is not None and self.sweep.metric.reached(best.value)


def _plain(logged: Mapping[str, Any]) -> dict[str, Any]:
    """Logged values as JSON has them: NumPy's and PyTorch's numbers as Python's."""
    return {k: v.item() if hasattr(v, "item") else v for k, v in logged.items()}
