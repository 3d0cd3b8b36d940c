"""The metric of a sweep: which logged number decides, in which direction, under which names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from dlsweep.config.errors import did_you_mean, fold, shown
from dlsweep.sweep.file._yaml import read_choice, read_keys

_GOALS = {
    "maximize": ("maximise", "max", "maximum", "maximizing"),
    "minimize": ("minimise", "min", "minimum", "minimizing"),
}
_SPLITS = {
    "val": ("val", "valid", "validation", "dev"),
    "train": ("train", "training"),
    "test": ("test", "testing"),
}
_MEASURES = {
    "accuracy": ("accuracy", "acc"),
    "loss": ("loss", "error", "cost"),
    "f1": ("f1", "f1score", "fscore", "macrof1", "f1macro"),
    "precision": ("precision", "macroprecision"),
    "recall": ("recall", "macrorecall", "sensitivity"),
    "reconstruction": ("reconstruction", "reconstructionloss", "reconstructionerror", "reconloss"),
}

METRICS = (
    *("val_accuracy", "val_loss", "train_accuracy", "train_loss", "test_accuracy", "test_loss"),
    *("best_val_accuracy", "seconds", "parameters", "training_seconds"),
    *("val_f1", "val_precision", "val_recall", "test_f1", "test_precision", "test_recall"),
    *("val_reconstruction", "train_reconstruction", "test_reconstruction", "silhouette"),
)
"""What a run logs and a sweep may be judged by."""

OF_AUTOENCODERS = METRICS[-4:]
"""Those of them that runs of the model autoencoder log alone."""

TRAINING_SECONDS = "training_seconds"
"""The sum of a run's ``seconds``: its share of the time that its stack has taken."""

_COSTS = ("seconds", "parameters", TRAINING_SECONDS)
"""Of these one may well look for the most: of models as large as can be."""

_HIGHER_IS_BETTER = ("accuracy", "f1", "precision", "recall", "silhouette")

EVERY_EPOCH = (
    *("val_accuracy", "val_loss", "train_accuracy", "train_loss", "seconds"),
    *("val_reconstruction", "train_reconstruction"),
)
"""Those of them that a run logs every epoch; the others are known at its end only."""

_BY_SPELLING = {fold(name): name for name in METRICS}
for _split, _measure in product(_SPLITS, _MEASURES):
    if f"{_split}_{_measure}" not in METRICS:
        continue  # of the training images, which are seen while the model changes
    for _s, _m in product(_SPLITS[_split], _MEASURES[_measure]):
        for _spelling in (_s + _m, _m + _s):
            _BY_SPELLING.setdefault(_spelling, f"{_split}_{_measure}")
            if (_split, _measure) == ("val", "accuracy"):
                for _best in ("best", "max"):
                    _BY_SPELLING[_best + _spelling] = "best_val_accuracy"
                _BY_SPELLING["final" + _spelling] = "val_accuracy"
# A metric without a split: the validation images are there to choose by.
_BY_SPELLING |= {m: f"val_{measure}" for measure, also in _MEASURES.items() for m in also}
_BY_SPELLING |= {"bestaccuracy": "best_val_accuracy", "bestacc": "best_val_accuracy"}


@dataclass(frozen=True)
class Metric:
    """What a sweep looks for.

    Attributes:
        name: the logged name, such as val_accuracy.
        goal: maximize or minimize.
        target: the sweep is over once a run reaches this value; None for no such value.
        summary_first: W&B's summary comes before the history, as of a program, which may define
            what its summary is; ``name`` may then be empty, and no run has a value.
    """

    name: str = "val_accuracy"
    goal: str = "maximize"
    target: float | None = None
    summary_first: bool = False

    def better(self, one: float, other: float) -> bool:
        """Whether ``one`` is a better value than ``other``."""
        return one > other if self.goal == "maximize" else one < other

    def reached(self, value: float) -> bool:
        """Whether ``value`` is as good as the target; never without a target."""
        return self.target is not None and not self.better(self.target, value)

    def as_dict(self) -> dict[str, Any]:
        """The metric as a sweep file writes it."""
        found: dict[str, Any] = {"name": self.name, "goal": self.goal}
        return found if self.target is None else {**found, "target": self.target}


def unlike_losses(metric: Metric, losses: Iterable[Any]) -> str:
    """A line where built-in runs of several losses are ranked by their loss; else nothing.

    Args:
        metric: what they are ranked by.
        losses: the setting ``loss`` of each.
    """
    names = sorted(set(map(str, losses)))
    if len(names) < 2 or not metric.name.endswith("loss"):
        return ""
    by = f"{metric.name.removesuffix('loss')}accuracy"
    return (
        f"metric {metric.name}: runs with {' and '.join(names)} cannot be compared by it, for each "
        f"loss has a scale of its own; {by} compares them"
    )


def metric_name(name: object) -> str | None:
    """The logged metric that ``name`` means (val_acc, validation/accuracy, accuracy …), or None."""
    return _BY_SPELLING.get(fold(name))


def number(value: Any) -> float | None:
    """A finite number, also as text (YAML 1.1 reads 1e-3 as text); None where it is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def objective(
    metric: Metric, history: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]
) -> float | None:
    """The metric's last logged value, from the epochs or else the summary; None without one.

    Of a program it is a finite number in the summary, or else the last value in the history.
    """
    if not metric.name:
        return None
    if metric.summary_first:
        value = _finite(summary.get(metric.name))
        if value is not None:
            return value
        rows = (row[metric.name] for row in reversed(history) if metric.name in row)
        return _finite(next(rows, None))
    if metric.name == TRAINING_SECONDS:
        known = [v for epoch in history if (v := number(epoch.get("seconds"))) is not None]
        return math.fsum(known) if known else number(summary.get(metric.name))
    for logged in (*reversed(history), summary):
        if logged.get(metric.name) is not None:
            return number(logged[metric.name])
    return None


def _finite(value: Any) -> float | None:
    return None if isinstance(value, str) else number(value)


def parse_metric(written: Any, problems: list[str], notices: list[str]) -> Metric:
    """The ``metric`` of a sweep file; a line of ``problems`` for everything that is wrong."""
    if not isinstance(written, Mapping):
        expected = "expected {name: val_accuracy, goal: maximize}"
        problems.append(f"metric: got {shown(written)}, {expected}")
        return Metric()
    keys = read_keys(written, ("name", "goal", "target"), problems, "metric.", also=("impute",))
    name = metric_name(keys.get("name")) or "val_accuracy"
    if keys.get("name") is None:
        problems.append("metric.name: missing; write name: val_accuracy")
    elif metric_name(keys["name"]) is None:
        hint = did_you_mean(keys["name"], METRICS)
        problems.append(f"metric.name: got {shown(keys['name'])}, not logged{hint}")
    elif fold(keys["name"]) != fold(name):
        notices.append(f"metric {keys['name']} was taken for {name}")
    natural = "maximize" if name.endswith(_HIGHER_IS_BETTER) else "minimize"
    goal = natural
    if keys.get("goal") is not None:
        goal = read_choice(keys["goal"], _GOALS, "metric.goal", problems, notices) or natural
        if goal != natural and name not in _COSTS:
            notices.append(f"metric.goal: {goal} {name} looks for the worst runs")
    elif natural == "maximize":
        notices.append(f"metric.goal: missing; {name} is maximized (W&B would minimize it)")
    return Metric(name, goal, _target(keys, problems))


def parse_program_metric(written: Any, problems: list[str], notices: list[str]) -> Metric:
    """The ``metric`` of a program, whose name is the program's own; see ``parse_metric``.

    Args:
        written: the file's value; None where it has none, and no run has a value.
        problems: gets one line for everything that is wrong.
        notices: gets one line for everything that is assumed.
    """
    if written is None:
        notices.append("metric: missing; the runs are not ranked")
        return Metric("", "minimize", summary_first=True)
    keys: dict[str, Any] = {}
    if isinstance(written, Mapping):
        keys = read_keys(written, ("name", "goal", "target"), problems, "metric.", also=("impute",))
        if keys.get("name") in (None, "") or isinstance(keys["name"], Mapping | list):
            got = "missing" if keys.get("name") is None else f"got {shown(keys['name'])}"
            problems.append(f"metric.name: {got}; write the name under which the program logs it")
    else:
        expected = "expected {name: loss, goal: minimize}"
        problems.append(f"metric: got {shown(written)}, {expected}")
    name, goal = str(keys.get("name") or ""), "minimize"
    if keys.get("goal") is not None:
        goal = read_choice(keys["goal"], _GOALS, "metric.goal", problems, notices) or goal
    elif name:
        notices.append(f"metric.goal: missing; {name} is minimized, as W&B does")
    return Metric(name, goal, _target(keys, problems), summary_first=True)


def _target(keys: Mapping[str, Any], problems: list[str]) -> float | None:
    target = number(keys.get("target"))
    if keys.get("target") is not None and target is None:
        problems.append(f"metric.target: got {shown(keys['target'])}, expected a number")
    return target
