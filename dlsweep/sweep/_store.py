"""The database of a study: Optuna's schema, so that Optuna's tools open it.

Optuna makes and checks the tables. A point's rows are then written here (see ``_writing``), in one
transaction for as many points as are asked for at once, because through Optuna's storage every
parameter is several queries: measured for S1's nine parameters on SQLite, 25 ms of processor time
per point asked and 6 ms per point told, against 2 ms for both. The transaction holds the study's
lock while it counts the trials, so no number is handed out twice, which Optuna on SQLite does not
guarantee. A test reads every row back through Optuna.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from optuna.study import StudyDirection

from dlsweep.sweep._database import StorageError, open_database, reason_of, sqlite_file, storage_url
from dlsweep.sweep._lock import OwnerLock
from dlsweep.sweep._sampler import quiet
from dlsweep.sweep._space import Axis, Coordinates
from dlsweep.sweep._tables import (
    ATTRIBUTES,
    HEARTBEATS,
    STUDIES,
    STUDY_ATTRIBUTES,
    Record,
    parsed,
    read_records,
)
from dlsweep.sweep._writing import add_points, finish_point, write_attributes, write_steps


class Store:
    """A database of studies.

    Args:
        storage: a SQLAlchemy URL, or the path of a SQLite file; ``dlsweep.db`` by default.
        create: make the database where there is none.
        change: for more than reading; a file that may not be written is only read.

    Raises:
        ConfigError: in one line, where it cannot be opened.
    """

    def __init__(
        self, storage: str | None = None, *, create: bool = True, change: bool = True
    ) -> None:
        self.url = storage_url(storage)
        self._rdb = open_database(self.url, create=create, change=change)
        self.file = sqlite_file(self.url)
        self._engine: sa.Engine = self._rdb.engine
        self._local = threading.local()

    @property
    def shared(self) -> bool:
        """Whether several processes may own a study at once; of a SQLite file, one does."""
        return self._engine.dialect.name != "sqlite"

    def close(self) -> None:
        """Close all connections."""
        self._rdb.remove_session()
        self._engine.dispose()

    @contextlib.contextmanager
    def turn(self, study_id: int) -> Iterator[None]:
        """One transaction around all that is done meanwhile; no other process has its turn then."""
        with self._locked(study_id) as self._local.turn:
            try:
                yield
            finally:
                self._local.turn = None

    @property
    def _turn(self) -> sa.Connection | None:
        """The transaction of this thread's turn."""
        return getattr(self._local, "turn", None)

    @contextlib.contextmanager
    def _begin(self) -> Iterator[sa.Connection]:
        """A transaction, or the one of this turn."""
        if self._turn is not None:
            yield self._turn
            return
        with self._told_in_a_line(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _told_in_a_line(self) -> Iterator[None]:
        """A file that cannot be written, on a full disk above all, is no fault of the program's.

        Of other databases it is not told apart from one that is out of reach, which may come back.
        """
        try:
            yield
        except sa.exc.OperationalError as error:
            if self.file is None:
                raise
            why = f"{self.file} cannot be used any more: {reason_of(error)}"
            kept = "what was stored is kept, and the same command goes on"
            raise StorageError(f"study: {why}; {kept}") from error

    # Studies

    def studies(self) -> dict[str, int]:
        """The keys of all studies by name, oldest first."""
        with self._begin() as connection:
            rows = connection.execute(
                sa.select(STUDIES.c.study_name, STUDIES.c.study_id).order_by(STUDIES.c.study_id)
            )
            return {row.study_name: row.study_id for row in rows}

    def create_study(self, name: str, goal: str) -> int:
        """A new study's key."""
        with quiet():
            return self._rdb.create_new_study([StudyDirection[goal.upper()]], name)

    def attributes(self, study_id: int) -> dict[str, Any]:
        """What is stored with a study."""
        with self._begin() as connection:
            rows = connection.execute(
                sa.select(STUDY_ATTRIBUTES.c.key, STUDY_ATTRIBUTES.c.value_json).where(
                    STUDY_ATTRIBUTES.c.study_id == study_id
                )
            )
            return {key: parsed(value, f"{key} of study {study_id}") for key, value in rows}

    def set_attribute(self, study_id: int, key: str, value: Any) -> None:
        """Store a value, as JSON has it, with a study."""
        with self._locked(study_id) as connection:
            connection.execute(
                sa.delete(STUDY_ATTRIBUTES).where(
                    STUDY_ATTRIBUTES.c.study_id == study_id, STUDY_ATTRIBUTES.c.key == key
                )
            )
            row = {"study_id": study_id, "key": key, "value_json": json.dumps(value)}
            connection.execute(sa.insert(STUDY_ATTRIBUTES), row)

    def lock(self, study_id: int) -> OwnerLock | None:
        """The lock of a study's owner; None where the database is no file."""
        if self.file is None:
            return None
        return OwnerLock(self.file.with_name(f"{self.file.name}-{study_id}.lock"))

    # Points

    def records(self, study_id: int, known: Mapping[int, str] | None = None) -> list[Record]:
        """All points of a study, by number: three queries.

        Args:
            study_id: the study.
            known: the states of points by number. Of those that ended in the state that is known,
                nothing is read.
        """
        with self._begin() as connection:
            return read_records(connection, study_id, known)

    def add(
        self,
        study_id: int,
        points: Sequence[tuple[Coordinates, dict[str, Any]]],
        axes: Sequence[Axis],
    ) -> list[Record]:
        """Add points in one transaction; one with a ``reason`` among its attributes has failed.

        Args:
            study_id: the study.
            points: the coordinates and the attributes of each.
            axes: what the coordinates are on.

        Returns:
            The new records, in the same order.
        """
        with self._locked(study_id) as connection:
            return add_points(connection, study_id, points, axes, beat=self.shared)

    def finish(
        self,
        record: Record,
        state: str,
        value: float | None,
        attributes: dict[str, Any],
        steps: Mapping[int, float],
    ) -> bool:
        """Store how a running point ended, in one transaction.

        Args:
            record: the point; it is brought up to date. Where it has a time ``finished``, that
                counts, else this one.
            state: complete, pruned or fail.
            value: the metric, for complete.
            attributes: what to store with it.
            steps: the metric by epoch, which Optuna's dashboard draws as a curve.

        Returns:
            False where the point was not running any more; nothing is stored then.
        """
        now = record.finished or datetime.now()
        with self._begin() as connection:
            if not finish_point(connection, record.trial_id, state, now, value, attributes, steps):
                return False
        record.state, record.finished = state, now
        record.attributes |= attributes
        return True

    def add_steps(self, steps: Sequence[tuple[int, int, float]]) -> None:
        """Store epochs of running points: key, epoch and metric of each, in one transaction.

        What is there of the same and later epochs, before them or among them, is from a process
        that has died.
        """
        if steps:
            with self._begin() as connection:
                write_steps(connection, steps)

    def update(self, records: Sequence[Record], key: str, values: Sequence[Any]) -> None:
        """Store one attribute of several points in one transaction, over what was there."""
        if not records:
            return
        with self._begin() as connection:
            for record, value in zip(records, values, strict=True):
                record.attributes[key] = value
            named = {record.trial_id: {key: record.attributes[key]} for record in records}
            connection.execute(
                sa.delete(ATTRIBUTES).where(
                    ATTRIBUTES.c.trial_id.in_(list(named)), ATTRIBUTES.c.key == key
                )
            )
            write_attributes(connection, named)

    def beat(self, trial_ids: Sequence[int]) -> None:
        """Say that these points are still being trained; from any thread."""
        if trial_ids:
            with self._begin() as connection:
                connection.execute(
                    sa.update(HEARTBEATS)
                    .where(HEARTBEATS.c.trial_id.in_(trial_ids))
                    .values(heartbeat=sa.func.current_timestamp())
                )

    def let_go(self, trial_ids: Sequence[int]) -> None:
        """Say that nobody trains these points any more: whoever asks next takes them over."""
        if trial_ids:
            with self._begin() as connection:
                connection.execute(
                    sa.update(HEARTBEATS)
                    .where(HEARTBEATS.c.trial_id.in_(trial_ids))
                    .values(heartbeat=datetime(1970, 1, 1))
                )

    @contextlib.contextmanager
    def _locked(self, study_id: int) -> Iterator[sa.Connection]:
        """A transaction that no other one on the same study runs beside."""
        if self._turn is not None:
            yield self._turn
            return
        with self._told_in_a_line(), self._engine.begin() as connection:
            if self._engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(
                    sa.select(STUDIES.c.study_id)
                    .where(STUDIES.c.study_id == study_id)
                    .with_for_update()
                )
            yield connection
