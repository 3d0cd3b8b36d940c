"""A W&B sweep, looked up before a run is taken from it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlsweep.config import ConfigError
from dlsweep.sweep.file import (
    Command,
    Metric,
    SweepFile,
    builtin_flags,
    flatten,
    missing_program,
    parse_command,
    parse_metric,
    parse_program_metric,
    unknown_parameters,
    written_metrics,
)
from dlsweep.tracking import SweepFacts, SweepService, Unreachable

_TRIES = 3


@dataclass(frozen=True)
class AgentOptions:
    """What an agent trains, and how much of it at once; the attributes are arguments of ``agent``.

    Where the sweep's runs are those of a program, ``stack`` and ``device`` must be None.
    """

    entity: str | None = None
    project: str | None = None
    builtin: bool = False
    count: int | None = None
    stack: int | None = None
    workers: int | None = None
    device: str | None = None
    cluster: str | None = None


@dataclass(frozen=True)
class JoinedSweep:
    """A W&B sweep that this process is going to train runs of.

    Attributes:
        service: the sweep.
        facts: its state when it was joined.
        metrics: those of its runs, the one that decides first.
        options: of the agent.
        program: the sweep, where its runs are those of a program; None where they are built-in
            networks.
    """

    service: SweepService
    facts: SweepFacts
    metrics: tuple[Metric, ...]
    options: AgentOptions
    program: SweepFile | None = None

    @property
    def metric(self) -> Metric:
        """The metric that decides."""
        return self.metrics[0]

    @property
    def left(self) -> int | None:
        """How many runs the sweep had left; None if it has no end, or that is not known."""
        expected = self.facts.expected
        return None if expected is None else max(0, expected - self.facts.runs)

    @property
    def runs(self) -> int | None:
        """How many runs the agent takes at most; None if that is not known."""
        ends = [end for end in (self.options.count, self.left) if end is not None]
        return min(ends, default=None)


def join_sweep(sweep_id: str, options: AgentOptions | None = None) -> JoinedSweep:
    """Look a W&B sweep up; one that cannot be trained is refused before a run is taken from it.

    Args:
        sweep_id: ID, PROJECT/ID or ENTITY/PROJECT/ID.
        options: of the agent.

    Raises:
        ConfigError: with one line for everything that is wrong.
        TrackingError: if W&B cannot be reached or does not know the user.
    """
    options = options or AgentOptions()
    service, facts = _look_up(sweep_id, options)
    problems: list[str] = []
    command = parse_command(facts.config.get("program"), facts.config.get("command"), problems)
    if options.builtin or builtin_flags(command, Path.cwd()) is not None:
        joined = JoinedSweep(service, facts, _builtin_metrics(facts.config), options)
        problems = unknown_parameters(facts.config.get("parameters"))
    else:
        program = _program_sweep(service.path, facts.config, command)
        joined = JoinedSweep(service, facts, program.metrics, options, program)
        problems = problems or missing_program(command, Path.cwd())
    if problems:
        raise ConfigError([f"sweep {service.path}: {problem}" for problem in problems])
    if joined.program is not None:
        why = "has no effect on a program"
        gpus = f"{why}; CUDA_VISIBLE_DEVICES says which GPUs it may use"
        if options.stack is not None:
            problems.append(f"stack: {why}; `workers` says how many run at once")
        if options.device is not None:
            problems.append(f"device: {gpus}")
        if problems:
            raise ConfigError(problems)
    return joined


def _look_up(sweep_id: str, options: AgentOptions) -> tuple[SweepService, SweepFacts]:
    for attempt in range(1, _TRIES + 1):
        try:
            service = SweepService(sweep_id, entity=options.entity, project=options.project)
            return service, service.describe()
        except Unreachable:
            if attempt == _TRIES:
                raise
            time.sleep(attempt)
    raise AssertionError


def _builtin_metrics(config: Mapping[str, Any]) -> tuple[Metric, ...]:
    """The metrics of a sweep of built-in networks; W&B has accepted them, whatever they are."""
    ignored = list[str]()
    found = [parse_metric(metric, ignored, ignored) for metric in written_metrics(config)]
    return tuple(found) or (Metric(),)


def _program_sweep(name: str, config: Mapping[str, Any], command: Command) -> SweepFile:
    """A sweep of a program without its space, for W&B chooses the points."""
    metrics = [parse_program_metric(m, [], []) for m in written_metrics(config) or [None]]
    paths = (path for path, _ in flatten(config.get("parameters") or {}))
    return SweepFile(
        name=name,
        method=str(config.get("method")),
        metric=metrics[0],
        parameters={},
        command=command,
        paths={".".join(path): path for path in paths if len(path) > 1},
        raw=config,
        others=tuple(metrics[1:]),
    )
