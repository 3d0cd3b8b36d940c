"""A sweep as a sweep file describes it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from dlsweep.config import RunConfig, command_line
from dlsweep.sweep.file._builtin_space import BuiltinSpace
from dlsweep.sweep.file._command import Command
from dlsweep.sweep.file._data import data_contents
from dlsweep.sweep.file._distributions import Distribution
from dlsweep.sweep.file._early_terminate import Asha, Hyperband
from dlsweep.sweep.file._metric import Metric
from dlsweep.sweep.file._parameters import nested_parameters
from dlsweep.sweep.file._program_space import ProgramSpace
from dlsweep.sweep.file._settings import Settings
from dlsweep.sweep.file._space import Space
from dlsweep.sweep.file._variant import as_settings


@dataclass(frozen=True)
class SweepFile:
    """A search over configurations, as a sweep file describes it.

    Attributes:
        name: the file's ``name``, or else the file's own name without its ending.
        method: grid, random or bayes.
        metric: which logged number decides: the runs are ranked, stopped and confirmed by it.
        others: further metrics, where the file has several ``metrics``: bayes looks for the best
            compromises, and tables show them.
        parameters: the distribution of each setting by ``RunConfig``'s names, or of each parameter
            of a program by its own, in the order of the names.
        run_cap: the most runs of the whole sweep; None for no limit.
        early_terminate: the stopping rule, or None.
        project, entity: where W&B would put the runs; None where the file names none.
        notices: one line for everything that was taken for something else.
        command: the program that is run for each point; None where the built-in networks are
            trained.
        paths: of the nested parameters of a program; see ``Settings``.
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
    notices: tuple[str, ...] = field(default=(), compare=False)
    command: Command | None = None
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    path: Path | None = field(default=None, compare=False)
    others: tuple[Metric, ...] = ()

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """All metrics, the one that decides first."""
        return (self.metric, *self.others)

    @property
    def slug(self) -> str:
        """The name as names of files and runs have it: letters, digits, hyphens, at most 60."""
        return re.sub(r"[^\w.]+", "-", self.name).strip("-")[:60] or "sweep"

    @cached_property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits that name the search: its method, metric, goal and space.

        Of a program it is also the command and how its parameters are nested; of built-in runs,
        what one's own data consists of. Name, description,
        run_cap, target, stopping rule and project do not change it.
        """
        space = {name: d.as_dict() for name, d in self.parameters.items()}
        identity: list[Any] = [self.method, self.metric.name, self.metric.goal, space]
        if self.others:
            identity.append([[metric.name, metric.goal] for metric in self.others])
        if self.command is not None:
            identity += [self.command.words, self.command.program, self.paths]
        elif contents := data_contents(self.parameters):
            identity.append(contents)
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def longest(self) -> int:
        """The most epochs of a built-in run."""
        epochs = as_settings(self.parameters).get("epochs")
        if epochs is None:
            return RunConfig().epochs
        values = epochs.support()
        return int(max(values) if values else epochs.quantile(1))

    @cached_property
    def space(self) -> Space:
        """The points of the sweep."""
        grid = self.method == "grid"
        if self.command is None:
            return BuiltinSpace(self.parameters, grid=grid)
        return ProgramSpace(self.parameters, self.paths, grid=grid)

    @cached_property
    def size(self) -> int | None:
        """The number of valid configurations; None where there are infinitely many."""
        if self.space.size is None:
            return None
        return round(self.space.size * self.space.combinations[2])

    def as_dict(self) -> dict[str, Any]:
        """The sweep in canonical spelling, which ``parse_sweep`` reads back as the same sweep.

        That of a program with ``builtin=False``, any other one with ``builtin=True``.
        """
        plain = ("name", "description", "method", "run_cap", "project", "entity")
        found: dict[str, Any] = {key: getattr(self, key) for key in plain}
        if self.others:
            found["metrics"] = [metric.as_dict() for metric in self.metrics]
        elif self.metric.name:
            found["metric"] = self.metric.as_dict()
        found["parameters"] = nested_parameters(self.parameters, self.paths)
        if self.command is not None:
            found["program"] = self.command.program
            found["command"] = list(self.command.words)
        if self.early_terminate is not None:
            asha = isinstance(self.early_terminate, Asha)
            rule = {k: v for k, v in vars(self.early_terminate).items() if v is not None}
            if asha:
                del rule["strict"]
            found["early_terminate"] = {"type": "asha" if asha else "hyperband", **rule}
        return {key: value for key, value in found.items() if value not in (None, "")}

    def command_line(self, config: Mapping[str, Any]) -> str:
        """The command that repeats a run, for a shell.

        Args:
            config: its settings, as a study keeps them: those of nested parameters by joined names.
        """
        if self.command is None:
            return f"dlsweep train {command_line(config)}".rstrip()
        return self.command.line(Settings(config, self.paths).nested())
