"""The rows of a study's points in Optuna's tables, and how they are written.

Each function is part of the transaction of the connection that it is given.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from optuna.distributions import distribution_to_json
from optuna.trial import TrialState

from dlsweep.sweep._sampler import optuna_distribution
from dlsweep.sweep._space import Axis, Coordinates
from dlsweep.sweep._tables import (
    ATTRIBUTES,
    FINITE,
    FINITE_STEP,
    HEARTBEATS,
    PARAMS,
    STEPS,
    TRIALS,
    VALUES,
    Record,
)


def add_points(
    connection: sa.Connection,
    study_id: int,
    points: Sequence[tuple[Coordinates, dict[str, Any]]],
    axes: Sequence[Axis],
    *,
    beat: bool,
) -> list[Record]:
    """See ``Store.add``; ``beat`` says whether running points have heartbeats."""
    distributions = {axis.parameter: optuna_distribution(axis) for axis in axes}
    written = {name: distribution_to_json(d) for name, d in distributions.items()}
    now = datetime.now()
    records: list[Record] = []
    count = connection.execute(
        sa.select(sa.func.count()).where(TRIALS.c.study_id == study_id)
    ).scalar_one()
    numbers = range(count, count + len(points))
    states = [
        TrialState.FAIL if "reason" in attributes else TrialState.RUNNING
        for _, attributes in points
    ]
    connection.execute(
        sa.insert(TRIALS),
        [
            {
                "study_id": study_id,
                "number": number,
                "state": state,
                "datetime_start": now,
                "datetime_complete": now if state == TrialState.FAIL else None,
            }
            for number, state in zip(numbers, states, strict=True)
        ],
    )
    keys = connection.execute(
        sa.select(TRIALS.c.trial_id)
        .where(TRIALS.c.study_id == study_id, TRIALS.c.number >= count)
        .order_by(TRIALS.c.number)
    ).scalars()
    params: list[dict[str, Any]] = []
    for key, number, state, (coordinates, attributes) in zip(
        keys, numbers, states, points, strict=True
    ):
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
        record.finished = now if state == TrialState.FAIL else None
        records.append(record)
    running = [{"trial_id": r.trial_id} for r in records if r.state == "running"]
    if running and beat:
        connection.execute(sa.insert(HEARTBEATS), running)
    if params:
        connection.execute(sa.insert(PARAMS), params)
    write_attributes(connection, {r.trial_id: r.attributes for r in records})
    return records


def finish_point(
    connection: sa.Connection,
    key: int,
    state: str,
    now: datetime,
    value: float | None,
    attributes: dict[str, Any],
    steps: Mapping[int, float],
) -> bool:
    """See ``Store.finish``; the point is given by its key, the time by ``now``."""
    ended = connection.execute(
        sa.update(TRIALS)
        .where(TRIALS.c.trial_id == key, TRIALS.c.state == TrialState.RUNNING)
        .values(state=TrialState[state.upper()], datetime_complete=now)
    )
    if ended.rowcount != 1:
        return False
    if value is not None and state == "complete":
        connection.execute(
            sa.insert(VALUES).values(trial_id=key, objective=0, value=value, value_type=FINITE)
        )
    curve = [_step(key, step, v) for step, v in steps.items() if math.isfinite(v)]
    connection.execute(sa.delete(STEPS).where(STEPS.c.trial_id == key))
    if curve:
        connection.execute(sa.insert(STEPS), curve)
    write_attributes(connection, {key: attributes})
    return True


def write_steps(connection: sa.Connection, steps: Sequence[tuple[int, int, float]]) -> None:
    """See ``Store.add_steps``."""
    first: dict[int, int] = {}
    curves: dict[int, dict[int, float]] = {}
    for key, step, value in steps:
        first[key] = min(step, first.get(key, step))
        before = {s: v for s, v in curves.get(key, {}).items() if s < step}
        curves[key] = {**before, step: value}
    connection.execute(
        sa.delete(STEPS).where(
            STEPS.c.trial_id == sa.bindparam("key"), STEPS.c.step >= sa.bindparam("first")
        ),
        [{"key": key, "first": step} for key, step in first.items()],
    )
    rows = [_step(k, s, v) for k, curve in curves.items() for s, v in curve.items()]
    connection.execute(sa.insert(STEPS), rows)


def write_attributes(
    connection: sa.Connection, attributes: Mapping[int, Mapping[str, Any]]
) -> None:
    """Store attributes by name, of points by key, that are not there yet."""
    rows = [
        {"trial_id": trial_id, "key": key, "value_json": json.dumps(value)}
        for trial_id, named in attributes.items()
        for key, value in named.items()
    ]
    if rows:
        connection.execute(sa.insert(ATTRIBUTES), rows)


def _step(key: int, step: int, value: float) -> dict[str, Any]:
    """A row of the table of steps."""
    return {
        "trial_id": key,
        "step": step,
        "intermediate_value": value,
        "intermediate_value_type": FINITE_STEP,
    }
