"""The database of a study: Optuna's schema, so that Optuna's tools open it.

Optuna makes and checks the tables. A point's rows are then written here, in one transaction for as
many points as are asked for at once, because through Optuna's storage every parameter is several
queries: measured for S1's nine parameters on SQLite, 25 ms of processor time per point asked and
6 ms per point told, against 2 ms for both. The transaction holds the study's lock while it counts
the trials, so no number is handed out twice, which Optuna on SQLite does not guarantee.
A test reads every row back through Optuna.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from optuna.distributions import distribution_to_json
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.study import StudyDirection
from optuna.trial import TrialState

from dlsweep.config import ConfigError
from dlsweep.sweep._lock import OwnerLock, connect
from dlsweep.sweep._sampler import optuna_distribution, quiet
from dlsweep.sweep._space import Axis, Coordinates

DEFAULT_STORAGE = "sqlite:///dlsweep.db"
"""A SQLite file in the working directory."""

_TRIALS = models.TrialModel.__table__
_PARAMS = models.TrialParamModel.__table__
_VALUES = models.TrialValueModel.__table__
_ATTRIBUTES = models.TrialUserAttributeModel.__table__
_STEPS = models.TrialIntermediateValueModel.__table__
_STUDIES = models.StudyModel.__table__
_FINITE = models.TrialValueModel.TrialValueType.FINITE
_FINITE_STEP = models.TrialIntermediateValueModel.TrialIntermediateValueType.FINITE


@dataclass
class Record:
    """One point in the database.

    Attributes:
        trial_id: its key in the database.
        number: its number in the study, from 0.
        state: running, complete, pruned or fail, in Optuna's sense.
        attributes: what is stored with it, by name.
        started, finished: local times; None where it has not happened.
    """

    trial_id: int
    number: int
    state: str
    attributes: dict[str, Any] = field(default_factory=dict)
    started: datetime | None = None
    finished: datetime | None = None


def storage_url(storage: str | None) -> str:
    """The URL of a storage: as it is, or made from the path of a SQLite file."""
    if storage is None:
        return DEFAULT_STORAGE
    return storage if "://" in storage else f"sqlite:///{storage}"


def storage_name(url: str) -> str:
    """The URL without its password, for messages."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return url


def _sqlite_file(url: str) -> Path | None:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database))


class Store:
    """A database of studies.

    Args:
        storage: a SQLAlchemy URL, or the path of a SQLite file; ``dlsweep.db`` by default.
        create: make the database where there is none.

    Raises:
        ConfigError: in one line, where it cannot be opened.
    """

    def __init__(self, storage: str | None = None, *, create: bool = True) -> None:
        self.url = storage_url(storage)
        shown = storage_name(self.url)
        try:
            self.file = _sqlite_file(self.url)
            if self.file is not None and not create and not self.file.exists():
                raise ConfigError([f"storage: no such file {self.file}; `dlsweep sweep` makes it"])
            arguments: dict[str, Any] = {}
            if self.file is not None:
                file = self.file.absolute()
                arguments = {"creator": lambda: connect(file)}
            with quiet():
                self._rdb = RDBStorage(self.url, engine_kwargs=arguments)
        except (ImportError, sa.exc.NoSuchModuleError) as error:
            raise ConfigError(
                [f"storage: {shown} needs a database driver that is not installed ({error})"]
            ) from None
        except sa.exc.ArgumentError:
            raise ConfigError(
                [f"storage: got {shown}, expected a URL such as {DEFAULT_STORAGE}"]
            ) from None
        except ConfigError:
            raise
        except Exception as error:  # every driver has errors of its own
            reason = " ".join(str(getattr(error, "orig", None) or error).split())
            raise ConfigError([f"storage: {shown} cannot be opened: {reason}"]) from None
        self._engine: sa.Engine = self._rdb.engine

    def close(self) -> None:
        """Close all connections."""
        self._rdb.remove_session()
        self._engine.dispose()

    # Studies

    def studies(self) -> dict[str, int]:
        """The keys of all studies by name, oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(_STUDIES.c.study_name, _STUDIES.c.study_id).order_by(_STUDIES.c.study_id)
            )
            return {row.study_name: row.study_id for row in rows}

    def create_study(self, name: str, goal: str) -> int:
        """A new study's key."""
        with quiet():
            return self._rdb.create_new_study([StudyDirection[goal.upper()]], name)

    def attributes(self, study_id: int) -> dict[str, Any]:
        """What is stored with a study."""
        return self._rdb.get_study_user_attrs(study_id)

    def set_attribute(self, study_id: int, key: str, value: Any) -> None:
        """Store a value, as JSON has it, with a study."""
        self._rdb.set_study_user_attr(study_id, key, value)

    def lock(self, study_id: int) -> OwnerLock | None:
        """The lock of a study's owner; None where the database is no file."""
        if self.file is None:
            return None
        return OwnerLock(self.file.with_name(f"{self.file.name}-{study_id}.lock"))

    # Points

    def records(self, study_id: int) -> list[Record]:
        """All points of a study, by number: two queries."""
        names = {state: state.name.lower() for state in TrialState}
        columns = (_TRIALS.c.trial_id, _TRIALS.c.number, _TRIALS.c.state)
        times = (_TRIALS.c.datetime_start, _TRIALS.c.datetime_complete)
        with self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(*columns, *times)
                .where(_TRIALS.c.study_id == study_id)
                .order_by(_TRIALS.c.number)
            )
            found = {
                key: Record(key, number, names[state], {}, started, finished)
                for key, number, state, started, finished in rows
            }
            attributes = connection.execute(
                sa.select(_ATTRIBUTES.c.trial_id, _ATTRIBUTES.c.key, _ATTRIBUTES.c.value_json)
                .join(_TRIALS, _TRIALS.c.trial_id == _ATTRIBUTES.c.trial_id)
                .where(_TRIALS.c.study_id == study_id)
            )
            for key, name, value in attributes:
                if key in found:
                    found[key].attributes[name] = json.loads(value)
        return list(found.values())

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
        distributions = {axis.parameter: optuna_distribution(axis) for axis in axes}
        written = {name: distribution_to_json(d) for name, d in distributions.items()}
        now = datetime.now()
        records: list[Record] = []
        with self._locked(study_id) as connection:
            count = connection.execute(
                sa.select(sa.func.count()).where(_TRIALS.c.study_id == study_id)
            ).scalar_one()
            params: list[dict[str, Any]] = []
            for number, (coordinates, attributes) in enumerate(points, start=count):
                failed = "reason" in attributes
                state = TrialState.FAIL if failed else TrialState.RUNNING
                row = connection.execute(
                    sa.insert(_TRIALS).values(
                        study_id=study_id,
                        number=number,
                        state=state,
                        datetime_start=now,
                        datetime_complete=now if failed else None,
                    )
                )
                assert row.inserted_primary_key is not None
                key = row.inserted_primary_key[0]
                params += [
                    {
                        "trial_id": key,
                        "param_name": name,
                        "param_value": distributions[name].to_internal_repr(value),
                        "distribution_json": written[name],
                    }
                    for name, value in coordinates.items()
                ]
                record = Record(key, number, state.name.lower(), dict(attributes), now)
                record.finished = now if failed else None
                records.append(record)
            if params:
                connection.execute(sa.insert(_PARAMS), params)
            self._write_attributes(connection, {r.trial_id: r.attributes for r in records})
        return records

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
            record: the point; it is brought up to date.
            state: complete, pruned or fail.
            value: the metric, for complete.
            attributes: what to store with it.
            steps: the metric by epoch, which Optuna's dashboard draws as a curve.

        Returns:
            False where the point was not running any more; nothing is stored then.
        """
        now = datetime.now()
        key = record.trial_id
        with self._engine.begin() as connection:
            ended = connection.execute(
                sa.update(_TRIALS)
                .where(_TRIALS.c.trial_id == key, _TRIALS.c.state == TrialState.RUNNING)
                .values(state=TrialState[state.upper()], datetime_complete=now)
            )
            if ended.rowcount != 1:
                return False
            if value is not None and state == "complete":
                connection.execute(
                    sa.insert(_VALUES).values(
                        trial_id=key, objective=0, value=value, value_type=_FINITE
                    )
                )
            curve = [
                {
                    "trial_id": key,
                    "step": step,
                    "intermediate_value": v,
                    "intermediate_value_type": _FINITE_STEP,
                }
                for step, v in steps.items()
                if math.isfinite(v)
            ]
            if curve:
                connection.execute(sa.insert(_STEPS), curve)
            self._write_attributes(connection, {key: attributes})
        record.state, record.finished = state, now
        record.attributes |= attributes
        return True

    def update(self, records: Sequence[Record], key: str, values: Sequence[Any]) -> None:
        """Store one attribute of several points in one transaction, over what was there."""
        with self._engine.begin() as connection:
            for record, value in zip(records, values, strict=True):
                connection.execute(
                    sa.delete(_ATTRIBUTES).where(
                        _ATTRIBUTES.c.trial_id == record.trial_id, _ATTRIBUTES.c.key == key
                    )
                )
                record.attributes[key] = value
            self._write_attributes(
                connection, {r.trial_id: {key: r.attributes[key]} for r in records}
            )

    @staticmethod
    def _write_attributes(
        connection: sa.Connection, attributes: Mapping[int, Mapping[str, Any]]
    ) -> None:
        rows = [
            {"trial_id": trial_id, "key": key, "value_json": json.dumps(value)}
            for trial_id, named in attributes.items()
            for key, value in named.items()
        ]
        if rows:
            connection.execute(sa.insert(_ATTRIBUTES), rows)

    @contextlib.contextmanager
    def _locked(self, study_id: int) -> Iterator[sa.Connection]:
        """A transaction that no other one on the same study runs beside."""
        with self._engine.begin() as connection:
            if self._engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(
                    sa.select(_STUDIES.c.study_id)
                    .where(_STUDIES.c.study_id == study_id)
                    .with_for_update()
                )
            yield connection
