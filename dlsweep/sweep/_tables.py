"""The rows of a study's points in Optuna's tables, and how they are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from optuna.storages._rdb import models
from optuna.trial import TrialState

from dlsweep.sweep._database import StorageError

TRIALS = models.TrialModel.__table__
PARAMS = models.TrialParamModel.__table__
VALUES = models.TrialValueModel.__table__
ATTRIBUTES = models.TrialUserAttributeModel.__table__
STEPS = models.TrialIntermediateValueModel.__table__
STUDIES = models.StudyModel.__table__
STUDY_ATTRIBUTES = models.StudyUserAttributeModel.__table__
HEARTBEATS = models.TrialHeartbeatModel.__table__
FINITE = models.TrialValueModel.TrialValueType.FINITE
FINITE_STEP = models.TrialIntermediateValueModel.TrialIntermediateValueType.FINITE

GRACE = 60.0
"""Where machines share a study: a run without a heartbeat for so many seconds has lost its own."""


@dataclass
class Record:
    """One point in the database.

    Attributes:
        trial_id: its key in the database.
        number: its number in the study, from 0.
        state: running, complete, pruned or fail, in Optuna's sense.
        attributes: what is stored with it, by name.
        started, finished: local times; None where it has not happened.
        age: seconds since its last heartbeat, by the database's clock; None without heartbeats.
        steps: of a running one, the metric by epoch.
    """

    trial_id: int
    number: int
    state: str
    attributes: dict[str, Any] = field(default_factory=dict)
    started: datetime | None = None
    finished: datetime | None = None
    age: float | None = None
    steps: dict[int, float] = field(default_factory=dict)

    @property
    def left_alone(self) -> bool:
        """Whether its heartbeats have stopped."""
        return self.age is not None and self.age > GRACE


def parsed(text: str, name: str) -> Any:
    """A stored value.

    Args:
        text: as JSON has it.
        name: what a message calls it.

    Raises:
        StorageError: in one line, where it is no JSON.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        why = f"what is stored as {name} is not JSON: {error}"
        raise StorageError(f"study: {why}; go back to a copy of the database") from None


def read_records(
    connection: sa.Connection, study_id: int, known: Mapping[int, str] | None = None
) -> list[Record]:
    """See ``Store.records``."""
    known = known or {}
    names = {state: state.name.lower() for state in TrialState}
    columns = (TRIALS.c.trial_id, TRIALS.c.number, TRIALS.c.state)
    times = (TRIALS.c.datetime_start, TRIALS.c.datetime_complete)
    rows = connection.execute(
        sa.select(*columns, *times, HEARTBEATS.c.heartbeat, sa.func.current_timestamp())
        .join_from(TRIALS, HEARTBEATS, isouter=True)
        .where(TRIALS.c.study_id == study_id)
        .order_by(TRIALS.c.number)
    )
    found = {
        key: Record(key, number, names[state], {}, started, finished, _age(beat, now))
        for key, number, state, started, finished, beat, now in rows
        if state == TrialState.RUNNING or known.get(number) != names[state]
    }
    wanted = TRIALS.c.study_id == study_id
    if known:
        wanted &= TRIALS.c.trial_id.in_(list(found))
    attributes = connection.execute(
        sa.select(ATTRIBUTES.c.trial_id, ATTRIBUTES.c.key, ATTRIBUTES.c.value_json)
        .join(TRIALS, TRIALS.c.trial_id == ATTRIBUTES.c.trial_id)
        .where(wanted)
    )
    for key, name, value in attributes:
        if key in found:
            of = f"{name} of run {found[key].number}"
            found[key].attributes[name] = parsed(value, of)
    steps = connection.execute(
        sa.select(STEPS.c.trial_id, STEPS.c.step, STEPS.c.intermediate_value)
        .join(TRIALS, TRIALS.c.trial_id == STEPS.c.trial_id)
        .where(wanted, TRIALS.c.state == TrialState.RUNNING)
        .order_by(STEPS.c.step)
    )
    for key, step, value in steps:
        if key in found:
            found[key].steps[step] = value
    return list(found.values())


def _age(heartbeat: datetime | None, now: datetime | None) -> float | None:
    """Seconds since a heartbeat, both as the database has them."""
    if heartbeat is None or now is None:
        return None
    return (now.replace(tzinfo=None) - heartbeat).total_seconds()
