"""Runs at W&B as a runs table: of dlsweep's built-in networks, or of any program as they are."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from dlsweep.config import (
    SETTINGS,
    ConfigError,
    canonical_value,
    replaced_by_variant,
    setting_name,
)
from dlsweep.config.own_model import is_own
from dlsweep.config.parse import flatten
from dlsweep.report._runs import Online, RunsTable, varied, versions
from dlsweep.sweep import METRICS, STATUSES, Metric, Row, SweepFile, metric_name, objective
from dlsweep.sweep.file import parse_command, written_metrics

STEP_LOSS = "step_loss"
"""The loss within epochs, of whose rows W&B has one each: ``dlsweep.training.STEP_LOSS``."""
_STATES = {"finished": "finished", "running": "running", "pending": "waiting"}
_OF_ALL_SETTINGS = 0.5
"""A built-in run logs all of dlsweep's settings; an older version had fewer of them."""


def from_online(place: Online) -> RunsTable:
    """Read runs from W&B.

    Raises:
        ConfigError: in one line, where there is no such sweep or project, or no account.
        dlsweep.tracking.TrackingError: where W&B cannot be reached.
    """
    from dlsweep.tracking import fetch_runs  # with the first use: it imports wandb

    found = fetch_runs(place.entity, place.project, place.sweep, place.group)
    own = _is_own(found.runs)
    searched = dict(_parameters(found.sweep.get("parameters")))
    read = [_run(i, one, tuple(searched), own) for i, one in enumerate(found.runs)]
    metric, notices = _metric(found.sweep, read, own)
    runs = tuple(_judged(run, metric) for run in read)
    path = "/".join(part for part in (place.entity, place.project, place.sweep) if part)
    what = "sweep" if place.sweep else "group" if place.group else "project"
    source = f"the W&B {what} {path}" + (f", group {place.group}" if place.group else "")
    parameters = varied([run.config for run in runs], own)
    if searched and not own:  # what else a program writes into its configuration was not searched
        parameters = tuple(name for name in searched if name in parameters)
    return RunsTable(
        title=found.name,
        source=source,
        metric=metric,
        others=_others(found.sweep, own),
        runs=runs,
        parameters=parameters,
        versions=versions(),
        made=datetime.now(timezone.utc),
        name=path,
        online=place,
        notices=notices,
        own=own,
        repeat=None if own else _repeat(found.sweep, searched),
    )


def _is_own(runs: Sequence[Any]) -> bool:
    """Whether the runs are of dlsweep's built-in networks: only those log all of its settings.

    A program's name says nothing: many are called train.py.
    """
    full = _OF_ALL_SETTINGS * len(SETTINGS)
    known = [run.config for run in runs if run.config and run.history]
    return bool(known) and all(len(SETTINGS.keys() & config.keys()) >= full for config in known)


def _run(number: int, online: Any, searched: Sequence[str], own: bool) -> Row:
    """A run without its value: the metric may not be known yet."""
    history = tuple(_own_history(online.history) if own else _history(online.history))
    summary = _logged(online.summary) if own else dict(_leaves(_logged(online.summary)))
    status, reason = _status(online.state, summary, history, own)
    return Row(
        number=number,
        run_id=online.id,
        name=online.name,
        status=status,
        config=_own_config(online.config) if own else dict(_leaves(online.config, searched)),
        history=history,
        summary=summary,
        reason=reason,
        started=_utc(online.created),
        finished=_utc(online.seen) if status not in ("running", "waiting") else None,
        url=online.url,
    )


def _own_config(given: Mapping[str, Any]) -> dict[str, Any]:
    """A built-in run's settings; what the sweep has set may be spelled as its file spells it."""
    found: dict[str, Any] = {}
    replaced = replaced_by_variant(given)
    leaves = dict(flatten({k: v for k, v in given.items() if k not in replaced}))
    for key in sorted(leaves, key=lambda key: key not in SETTINGS):  # its own name goes first
        name = setting_name(key)
        if name is not None and name not in found:
            found[name] = _setting(name, leaves[key])
    own = {}
    if is_own(str(found.get("model", ""))):  # it brings settings of its own
        own = {key: value for key, value in leaves.items() if setting_name(key) is None}
    return {name: found[name] for name in SETTINGS if name in found} | own


def _setting(name: str, value: Any) -> Any:
    """A value in its canonical spelling, as JSON has it; as it is where dlsweep has no such one."""
    try:
        value, _ = canonical_value(name, value)
    except ConfigError:
        return value
    if isinstance(value, tuple):
        return [item.as_dict() if hasattr(item, "as_dict") else item for item in value]
    return value


def _own_history(rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The epochs, numbered from 1 where they say nothing else; losses within stand in them."""
    number, within = 0, list[list[Any]]()
    for row in (_numbers(_logged(row)) for row in rows):
        if STEP_LOSS in row and "step" in row:
            within.append([row["step"], row[STEP_LOSS]])
        elif row.keys() - {"epoch"}:
            number += 1
            yield {"epoch": number, **row, **({STEP_LOSS: within} if within else {})}
            within = []


def _history(rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """What a program logged, with W&B's count of its steps."""
    for row in rows:
        if logged := _numbers(dict(_leaves(_logged(row)))):
            yield {"_step": row["_step"], **logged} if "_step" in row else logged


def _logged(row: Mapping[str, Any]) -> dict[str, Any]:
    """What was logged, without pictures, tables and wandb's own."""
    return {
        key: _number(value)
        for key, value in row.items()
        if not key.startswith("_") and not (isinstance(value, Mapping) and "_type" in value)
    }


def _numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if isinstance(value, int | float)}


def _leaves(
    nested: Mapping[str, Any], whole: Sequence[str] = (), prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """What nested mappings hold, by names joined with dots; those named in ``whole`` are values."""
    for key, value in nested.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value and name not in whole:
            yield from _leaves(value, whole, f"{name}.")
        else:
            yield name, _number(value)


def _number(value: Any) -> Any:
    """W&B writes what JSON has no words for as text."""
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value


def _status(
    state: str, summary: Mapping[str, Any], history: Sequence[Mapping[str, Any]], own: bool
) -> tuple[str, str]:
    """The status and the reason of a failure; more than W&B's state is known of built-in runs."""
    status = _STATES.get(state, "failed")
    if status == "failed":
        return status, str((summary.get("reason") if own else None) or state)
    if status == "finished" and own:
        losses = [v for k, v in (history[-1] if history else summary).items() if k.endswith("loss")]
        told = summary.get("status")
        if told in STATUSES:
            return str(told), str(summary.get("reason", ""))
        if any(isinstance(loss, float) and not math.isfinite(loss) for loss in losses):
            return "diverged", ""
    return status, ""


def _metric(
    sweep: Mapping[str, Any], runs: Sequence[Row], own: bool
) -> tuple[Metric, tuple[str, ...]]:
    """What the runs are judged by, and a notice where that had to be assumed.

    The sweep's metric; without a sweep the first of dlsweep's that they log, or what looks like it;
    else none.
    """
    for given in written_metrics(sweep)[:1]:
        if (metric := _written(given, own)) is not None:
            return metric, ()
    logged = {name: metric_name(name) for run in runs for name in _names(run)}
    for meant in METRICS:
        names = [name for name, its in logged.items() if its == meant]
        for name in sorted(names, key=lambda name: name != meant):
            goal = "maximize" if meant.endswith("accuracy") else "minimize"
            assumed = f"no sweep says what the runs are judged by; taken to be: {goal} {name}"
            return Metric(name, goal, summary_first=not own), () if own else (assumed,)
    return (Metric() if own else Metric("", "minimize")), ()


def _others(sweep: Mapping[str, Any], own: bool) -> tuple[Metric, ...]:
    """The further metrics of a sweep that has several."""
    found = [_written(given, own) for given in written_metrics(sweep)[1:]]
    return tuple(metric for metric in found if metric is not None)


def _written(given: Any, own: bool) -> Metric | None:
    """A metric as a sweep has it."""
    if not isinstance(given, Mapping) or not given.get("name"):
        return None
    name = str(given["name"])
    name = (metric_name(name) if own else None) or name
    goal = given.get("goal")
    if goal not in ("maximize", "minimize"):  # W&B's own default
        goal = "maximize" if own and name.endswith("accuracy") else "minimize"
    return Metric(name, goal, summary_first=not own)


def _names(run: Row) -> Iterator[str]:
    """What a run logged."""
    for row in (*run.history[-1:], run.summary):
        yield from row


def _judged(run: Row, metric: Metric) -> Row:
    """A run with its value of the metric; one that came to nothing has none."""
    if run.status in ("failed", "diverged", "waiting"):
        return run
    return dataclasses.replace(run, value=objective(metric, run.history, run.summary))


def _parameters(given: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The parameters of a sweep: joined names with their paths."""
    for key, value in given.items() if isinstance(given, Mapping) else ():
        here = (*path, str(key))
        if isinstance(value, Mapping) and isinstance(value.get("parameters"), Mapping):
            yield from _parameters(value["parameters"], here)
        else:
            yield ".".join(here), here


def _repeat(
    sweep: Mapping[str, Any], paths: Mapping[str, tuple[str, ...]]
) -> Callable[[Mapping[str, Any]], str] | None:
    """What makes the command line of a run of the sweep's program; None where it names none."""
    problems: list[str] = []
    command = parse_command(sweep.get("program"), sweep.get("command"), problems)
    if problems or (command.program is None and "${program}" in command.words):
        return None
    file = SweepFile("", "random", Metric(), {}, command=command, paths=paths)

    def line(config: Mapping[str, Any]) -> str:
        # A program may have written more into its configuration than the sweep gave it.
        return file.command_line({name: config[name] for name in paths if name in config})

    return line


def _utc(time: datetime | None) -> datetime | None:
    """An aware time in UTC, which W&B means where it names no time zone."""
    if time is None:
        return None
    return time.astimezone(timezone.utc) if time.tzinfo else time.replace(tzinfo=timezone.utc)
