"""Runs at W&B as a runs table: dlsweep's own, and anybody's as far as names are recognised."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from dlsweep.config import SETTINGS, ConfigError, canonical_value, setting_name
from dlsweep.config.parse import flatten
from dlsweep.report._runs import Online, Run, RunsTable, varied, versions
from dlsweep.sweep import METRICS, STATUSES, Metric, metric_name, objective

_STATES = {"finished": "finished", "running": "running", "pending": "waiting"}


def from_online(place: Online) -> RunsTable:
    """Read runs from W&B.

    Raises:
        ConfigError: in one line, where there is no such sweep or project, or no account.
        dlsweep.tracking.TrackingError: where W&B cannot be reached.
    """
    from dlsweep.tracking import fetch_runs  # with the first use: it imports wandb

    found = fetch_runs(place.entity, place.project, place.sweep, place.group)
    names = _Names()
    read = [names.run(online) for online in found.runs]
    metric = _metric(found.sweep, read)
    percent = _in_percent(read)
    runs = tuple(_judged(run, metric, percent) for run in read)
    path = "/".join(part for part in (place.entity, place.project, place.sweep) if part)
    what = "sweep" if place.sweep else "group" if place.group else "project"
    source = f"the W&B {what} {path}" + (f", group {place.group}" if place.group else "")
    return RunsTable(
        title=found.name,
        source=source,
        metric=metric,
        runs=runs,
        parameters=varied([run.config for run in runs]),
        versions=versions(),
        made=datetime.now(timezone.utc),
        name=path,
        online=place,
        logged_as=names.logged_as(),
        notices=(*names.notices(), *(["accuracies were logged in percent"] if percent else [])),
    )


class _Names:
    """Brings runs to dlsweep's names, and remembers what had other names or was left out."""

    def __init__(self) -> None:
        self._taken: dict[str, str] = {}
        self._unknown: dict[str, None] = {}
        self._own: set[str] = set()

    def run(self, online: Any) -> Run:
        """A run without its value: the metric is not known yet."""
        history = self._history(online.history)
        summary = self._logged(online.summary)
        status, reason = _status(online.state, summary, history)
        return Run(
            id=online.id,
            name=online.name,
            status=status,
            config=self._config(online.config),
            history=history,
            summary=summary,
            reason=reason,
            started=_utc(online.created),
            finished=_utc(online.seen) if status not in ("running", "waiting") else None,
            url=online.url,
        )

    def logged_as(self) -> dict[str, str]:
        """What dlsweep's names are called at W&B, where no run has them themselves."""
        return {name: key for key, name in self._taken.items() if name not in self._own}

    def notices(self) -> list[str]:
        """One line for everything that was taken for something else, one for what was left out."""
        lines = [f"{key} was taken for {name}" for key, name in self._taken.items()]
        if self._unknown:
            lines.append(f"no settings of dlsweep, left out: {', '.join(self._unknown)}")
        return lines

    def _config(self, given: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        layers: int | None = None
        leaves = dict(flatten(given))
        # A setting's own name goes before the others that people use for it.
        for key in sorted(leaves, key=lambda key: key not in SETTINGS):
            name = setting_name(key)
            if name is None:
                self._unknown[key] = None
            elif name not in found:
                found[name] = _setting(name, leaves[key])
                if name == "hidden_size" and isinstance(leaves[key], list):
                    layers = len(leaves[key])  # which it says too, where nothing else does
                if key != name:
                    self._taken[key] = name
                else:
                    self._own.add(name)
        if layers is not None:
            found.setdefault("num_layers", layers)
        return {name: found[name] for name in SETTINGS if name in found}

    def _history(self, rows: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
        epochs: list[dict[str, Any]] = []
        for row in rows:
            logged = self._logged(row)
            logged = {name: v for name, v in logged.items() if isinstance(v, int | float)}
            if logged.keys() - {"epoch"}:
                epochs.append({"epoch": len(epochs) + 1, **logged})
        return tuple(epochs)

    def _logged(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """What was logged, under dlsweep's names beside its own; without pictures and tables."""
        found = {
            "epoch" if key.lower() == "epoch" else key: _number(value)
            for key, value in row.items()
            if not key.startswith("_") and not (isinstance(value, Mapping) and "_type" in value)
        }
        for key in list(found):
            name = metric_name(key)
            if name is not None and name not in found:
                found[name] = found.pop(key)
                self._taken[key] = name
            elif name == key:
                self._own.add(name)
        return found


def _setting(name: str, value: Any) -> Any:
    """A value in its canonical spelling, as JSON has it; as it is where dlsweep has no such one."""
    try:
        value, _ = canonical_value(name, value)
    except ConfigError:
        return value
    if isinstance(value, tuple):
        return [dict(vars(item)) if hasattr(item, "__dict__") else item for item in value]
    return value


def _number(value: Any) -> Any:
    """W&B writes what JSON has no words for as text."""
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value


def _status(
    state: str, summary: Mapping[str, Any], history: tuple[dict[str, Any], ...]
) -> tuple[str, str]:
    status = _STATES.get(state, "failed")
    if status == "failed":
        return status, str(summary.get("reason") or state)
    if status == "finished":
        losses = [v for k, v in (history[-1] if history else summary).items() if k.endswith("loss")]
        told = summary.get("status")
        if told in STATUSES:
            return str(told), str(summary.get("reason", ""))
        if any(isinstance(loss, float) and not math.isfinite(loss) for loss in losses):
            return "diverged", ""
    return status, ""


def _metric(sweep: Mapping[str, Any], runs: list[Run]) -> Metric:
    """What the runs are judged by: the sweep's metric, or else the first of dlsweep's they have."""
    given = sweep.get("metric")
    if isinstance(given, Mapping) and given.get("name"):
        name = metric_name(given["name"]) or str(given["name"])
        goal = given.get("goal")
        if goal not in ("maximize", "minimize"):  # W&B's own default
            goal = "maximize" if name.endswith("accuracy") else "minimize"
        return Metric(name, goal)
    logged = {name for run in runs for row in (*run.history[-1:], run.summary) for name in row}
    name = next((name for name in METRICS if name in logged), "val_accuracy")
    return Metric(name, "maximize" if name.endswith("accuracy") else "minimize")


def _in_percent(runs: list[Run]) -> bool:
    """Whether accuracies were logged as percentages: fractions are never above 1."""
    rows = (row for run in runs for row in (*run.history, run.summary))
    found = [v for row in rows for k, v in row.items() if _is_accuracy(k, v)]
    return any(v > 1 for v in found) and all(v <= 100 for v in found if math.isfinite(v))


def _is_accuracy(name: str, value: Any) -> bool:
    return name.endswith("accuracy") and isinstance(value, int | float)


def _fractions(row: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v / 100 if _is_accuracy(k, v) else v for k, v in row.items()}


def _judged(run: Run, metric: Metric, percent: bool) -> Run:
    if percent:
        history = tuple(map(_fractions, run.history))
        run = dataclasses.replace(run, history=history, summary=_fractions(run.summary))
    if run.status in ("failed", "diverged", "waiting"):
        return run
    return dataclasses.replace(run, value=objective(metric, run.history, run.summary))


def _utc(time: datetime | None) -> datetime | None:
    """An aware time in UTC, which W&B means where it names no time zone."""
    if time is None:
        return None
    return time.astimezone(timezone.utc) if time.tzinfo else time.replace(tzinfo=timezone.utc)
