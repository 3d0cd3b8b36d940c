"""The sweep file: W&B's schema, read and checked once, into one object."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from dlsweep.config import SETTINGS, ConfigError, RunConfig
from dlsweep.config.errors import shown
from dlsweep.config.kinds import checked_count
from dlsweep.config.relations import without_effect
from dlsweep.sweep.file._command import Command
from dlsweep.sweep.file._distributions import Distribution
from dlsweep.sweep.file._early_terminate import Hyperband, parse_early_terminate
from dlsweep.sweep.file._metric import EVERY_EPOCH, Metric, parse_metric
from dlsweep.sweep.file._parameters import parse_parameters
from dlsweep.sweep.file._space import Space
from dlsweep.sweep.file._yaml import read_choice, read_keys, read_yaml

METHODS: dict[str, tuple[str, ...]] = {
    "grid": ("grid_search",),
    "random": ("random_search",),
    "bayes": ("bayesian", "bayes_search", "bayesian_optimization", "bayesian_search"),
}
"""The search methods, with other spellings of them."""

_KEYS = (
    *("method", "metric", "parameters", "run_cap", "early_terminate", "name", "description"),
    *("project", "entity", "program", "command", "controller", "scheduler"),
)
_OTHER_KEYS = ("apiVersion", "kind", "job", "image_uri", "queue", "resource")


@dataclass(frozen=True)
class SweepFile:
    """A search over configurations, as a sweep file describes it.

    Attributes:
        name: the file's ``name``, or else the file's own name without its ending.
        method: grid, random or bayes.
        metric: which logged number decides.
        parameters: the distribution of each setting, by ``RunConfig``'s names, in their order.
        run_cap: the most runs of the whole sweep; None for no limit.
        early_terminate: the stopping rule, or None.
        project, entity: where W&B would put the runs; None where the file names none.
        notices: one line for everything that was taken for something else.
        command: the program that is run for each point; None where the built-in networks are
            trained.
        paths: see ``Settings``.
        raw: the file's content as it was read.
        path: the file; None for a sweep that was not read from one.
    """

    name: str
    method: str
    metric: Metric
    parameters: Mapping[str, Distribution]
    description: str = ""
    run_cap: int | None = None
    early_terminate: Hyperband | None = None
    project: str | None = None
    entity: str | None = None
    notices: tuple[str, ...] = ()
    command: Command | None = None
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    path: Path | None = field(default=None, compare=False)

    @cached_property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits that name the search: its method, metric, goal and space.

        Name, description, run_cap, target, stopping rule, project and command do not change it.
        """
        space = {name: d.as_dict() for name, d in self.parameters.items()}
        identity = [self.method, self.metric.name, self.metric.goal, space]
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]

    @cached_property
    def space(self) -> Space:
        """The points of the sweep."""
        return Space(self.parameters, grid=self.method == "grid")

    @cached_property
    def size(self) -> int | None:
        """The number of valid configurations; None where there are infinitely many."""
        if self.space.size is None:
            return None
        return round(self.space.size * self.space.combinations[2])

    def as_dict(self) -> dict[str, Any]:
        """The sweep in canonical spelling, which ``parse_sweep`` reads back as the same sweep."""
        plain = ("name", "description", "method", "run_cap", "project", "entity")
        found: dict[str, Any] = {key: getattr(self, key) for key in plain}
        found["metric"] = self.metric.as_dict()
        found["parameters"] = {name: d.as_dict() for name, d in self.parameters.items()}
        if self.early_terminate is not None:
            rule = {k: v for k, v in vars(self.early_terminate).items() if v is not None}
            found["early_terminate"] = {"type": "hyperband", **rule}
        return {key: value for key, value in found.items() if value not in (None, "")}


def load_sweep(path: str | Path) -> SweepFile:
    """The sweep that a file describes.

    Raises:
        ConfigError: with one line for everything that is wrong.
    """
    path = Path(path)
    return parse_sweep(read_yaml(path), name=path.stem, path=path)


def parse_sweep(written: Any, name: str = "sweep", path: Path | None = None) -> SweepFile:
    """The sweep that a mapping in W&B's schema describes.

    Args:
        written: the mapping; keys, words and settings in any of their spellings.
        name: the sweep's name where the mapping has none.
        path: the file that the mapping was read from, for the record.

    Raises:
        ConfigError: with one line for everything that is wrong.
    """
    if not isinstance(written, Mapping):
        where = f"{path}: " if path else ""
        raise ConfigError([f"{where}got {shown(written)}, expected method, metric and parameters"])
    problems: list[str] = []
    notices: list[str] = []
    keys = read_keys(written, _KEYS, problems, also=_OTHER_KEYS)
    method = None
    if keys.get("method") is None:
        problems.append("method: missing; choose from grid, random, bayes")
    else:
        method = read_choice(keys["method"], METHODS, "method", problems, notices)
    metric = Metric()
    if keys.get("metric") is not None:
        metric = parse_metric(keys["metric"], problems, notices)
    elif method == "bayes" or keys.get("early_terminate") is not None:
        need = "method bayes" if method == "bayes" else "early_terminate"
        problems.append(f"metric: missing; {need} needs {{name: val_accuracy, goal: maximize}}")
    else:
        notices.append("metric: missing; val_accuracy is maximized")
    parameters = parse_parameters(keys.get("parameters"), method, problems, notices)
    sweep = SweepFile(
        name=_text(keys, "name", problems) or name,
        method=method or "random",
        metric=metric,
        parameters=parameters,
        description=_text(keys, "description", problems) or "",
        run_cap=checked_count("run_cap", keys.get("run_cap"), problems),
        early_terminate=parse_early_terminate(keys.get("early_terminate"), problems),
        project=_place(keys, "project", problems),
        entity=_place(keys, "entity", problems),
        raw=written,
        path=path,
    )
    if sweep.early_terminate is not None and metric.name not in EVERY_EPOCH:
        notices.append(
            f"early_terminate: no effect, for {metric.name} is known at the end of a run only; "
            "it needs a metric of every epoch, such as val_accuracy"
        )
    if not problems:
        notices += _without_effect(parameters)
        contradictions, about, _ = sweep.space.combinations
        problems += contradictions
        notices += about
    if problems:
        raise ConfigError(problems)
    object.__setattr__(sweep, "notices", tuple(notices))
    return sweep


def _without_effect(parameters: Mapping[str, Distribution]) -> list[str]:
    """Notices of parameters that have no effect on any run of the sweep."""
    values = {name: (default,) for name, default in vars(RunConfig()).items()}
    varied = {name: tuple(d.support() or ()) for name, d in parameters.items()}
    changed = [name for name, support in varied.items() if support != values[name]]
    return without_effect(changed, values | varied)


def _text(keys: dict[str, Any], key: str, problems: list[str]) -> str | None:
    value = keys.get(key)
    if isinstance(value, Mapping | list):
        problems.append(f"{key}: got {shown(value)}, expected text")
        return None
    return None if value is None else str(value).strip() or None


def _place(keys: dict[str, Any], key: str, problems: list[str]) -> str | None:
    """A project or an entity, held to what the setting of the runs takes."""
    value = _text(keys, key, problems)
    try:
        checked: str | None = SETTINGS[f"wandb_{key}"].parse(value)
    except ValueError as error:
        problems.append(f"{key}: got {shown(value)}, {error}")
        return None
    return checked
