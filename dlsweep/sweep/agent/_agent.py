"""``agent``: what `wandb agent` does, with many runs trained at once."""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlsweep.config import ConfigError, canonical_value, setting_name, unknown_setting
from dlsweep.config.kinds import checked_count
from dlsweep.sweep.agent._program_source import WandbProgramSource
from dlsweep.sweep.agent._wandb_source import WandbSource
from dlsweep.sweep.driver import AT_ONCE, Driver, Jobs, ProgramJobs, Progress, leaving_on_signals
from dlsweep.sweep.execution import choose_executor, choose_program_executor, visible_gpus
from dlsweep.sweep.file import (
    Metric,
    SweepFile,
    builtin_flags,
    parse_command,
    parse_metric,
    parse_sweep,
)
from dlsweep.sweep.study import Row, StudyTable
from dlsweep.tracking import SweepFacts, SweepService, Unreachable, choose_mode, sync_commands
from dlsweep.training import choose_device

_log = logging.getLogger("dlsweep.sweep")

_TRIES = 3
_STACK = 64


@dataclass(frozen=True)
class JoinedSweep:
    """A W&B sweep that this process is going to train runs of.

    Attributes:
        service: the sweep.
        facts: its state when it was joined.
        metric: the metric of its runs.
        left: how many runs it has left; None if it has no end, or that is not known.
        program: the sweep, where its runs are those of a program; None where they are built-in
            networks.
    """

    service: SweepService
    facts: SweepFacts
    metric: Metric
    left: int | None
    program: SweepFile | None = None


@dataclass(frozen=True)
class AgentReport:
    """The result of an agent.

    Attributes:
        table: its runs, in the order in which they ended.
        unsent: the folders of runs of which W&B does not have everything, with the runs' ids.
        exit_code: 0; 1 if every run failed; 128 and the signal's number after a signal.
    """

    table: StudyTable
    unsent: Mapping[Path, str]
    exit_code: int


def join_sweep(
    sweep_id: str,
    *,
    entity: str | None = None,
    project: str | None = None,
    builtin: bool = False,
) -> JoinedSweep:
    """Look a W&B sweep up; one that cannot be trained is refused before a run is taken from it.

    Args:
        sweep_id: ID, PROJECT/ID or ENTITY/PROJECT/ID.
        entity, project: where it is, if the id does not say so.
        builtin: train the built-in networks, whatever program the sweep names.

    Raises:
        ConfigError: with one line for everything that is wrong.
        TrackingError: if W&B cannot be reached or does not know the user.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            service = SweepService(sweep_id, entity=entity, project=project)
            facts = service.describe()
            break
        except Unreachable:
            if attempt == _TRIES:
                raise
            time.sleep(attempt)
    left = None if facts.expected is None else max(0, facts.expected - facts.runs)
    problems: list[str] = []
    command = parse_command(facts.config.get("program"), facts.config.get("command"), problems)
    if not builtin and builtin_flags(command, Path.cwd()) is None:
        try:
            sweep = parse_sweep(facts.config, name=service.path)
        except ConfigError as error:
            raise ConfigError(f"sweep {service.path}: {line}" for line in error.problems) from None
        return JoinedSweep(service, facts, sweep.metric, left, sweep)
    names = _names(facts.config.get("parameters") or {})
    unknown = [unknown_setting(name) for name in names if setting_name(name) is None]
    if unknown:
        raise ConfigError([f"sweep {service.path}: {problem}" for problem in unknown])
    metric, ignored = facts.config.get("metric"), list[str]()
    parsed = Metric() if metric is None else parse_metric(metric, ignored, ignored)
    return JoinedSweep(service, facts, parsed, left)


def train_joined(
    joined: JoinedSweep,
    progress: Progress | None = None,
    *,
    count: int | None = None,
    stack: int | None = None,
    workers: int | None = None,
    device: str | None = None,
    cluster: str | None = None,
) -> AgentReport:
    """Train runs of a joined sweep until it has no more; the arguments are those of ``agent``."""
    progress = progress or Progress()
    ends = [end for end in (count, joined.left) if end is not None]
    runs = min(ends, default=None)
    source: WandbSource | WandbProgramSource
    jobs: Jobs | None = None
    if joined.program is None:
        settings = {} if device is None else {"device": canonical_value("device", device)[0]}
        where = settings.get("device", "auto")
        choose_device(where if cluster is None else "cpu")
        at_once = min(AT_ONCE.get(str(joined.facts.config.get("method")), _STACK), _STACK)
        source = WandbSource(
            joined.service,
            mode=choose_mode("online"),
            metric=joined.metric,
            at_once=stack or at_once,
            settings=settings,
            limit=count,
            left=joined.left,
            on_refused=progress.ended,
        )
        executor = choose_executor(where, workers, runs, cluster)
    else:
        executor = choose_program_executor(workers, runs, cluster)
        source = WandbProgramSource(
            joined.service,
            metric=joined.metric,
            at_once=max(1, executor.slots),
            limit=count,
            left=joined.left,
        )
        jobs = _program_jobs(joined.service, joined.program)
    driver = Driver(source, executor, jobs=jobs, progress=progress)

    def leave(number: int) -> None:
        source.exit_code = 128 + number
        driver.leave()

    with leaving_on_signals(leave):
        driver.run()
    rows = tuple(source.rows)
    table = StudyTable(joined.service.path, joined.metric, rows, joined.program)
    failed = bool(rows) and all(row.status == "failed" for row in rows)
    return AgentReport(table, dict(source.unsent), source.exit_code or int(failed))


def agent(
    sweep_id: str,
    *,
    count: int | None = None,
    stack: int | None = None,
    workers: int | None = None,
    device: str | None = None,
    cluster: str | None = None,
    entity: str | None = None,
    project: str | None = None,
) -> list[Row]:
    """Train the runs of a W&B sweep as `wandb agent` does, but many at once, in stacks.

    Ctrl-C and SIGTERM end it after the present epoch, and W&B hands the runs out again.

    Args:
        sweep_id: ID, PROJECT/ID or ENTITY/PROJECT/ID, as `wandb sweep` prints it.
        count: how many runs to take; by default all.
        stack: how many runs to take from the sweep at once; 64 by default, or 8 of a bayes sweep.
        workers: how many processes train; by default one for each core, or one for a GPU.
        device: auto, cpu or cuda, for all runs, instead of the sweep's own setting.
        cluster: the address of a Ray cluster to train on: HOST:PORT, or auto.
        entity, project: where the sweep is, if its id does not say so.

    Returns:
        A row for each run, in the order in which they ended.

    Raises:
        ConfigError: with one line for everything that is wrong.
        TrackingError: if W&B cannot be reached or does not know the user.
        ExecutorError: if no worker can start.

    Example::

        rows = dlsweep.agent("me/fashion/abc123", count=64)
    """
    problems: list[str] = []
    counts: dict[str, Any] = {"count": count, "stack": stack, "workers": workers}
    counts = {name: checked_count(name, value, problems) for name, value in counts.items()}
    if problems:
        raise ConfigError(problems)
    joined = join_sweep(sweep_id, entity=entity, project=project)
    report = train_joined(joined, device=device, cluster=cluster, **counts)
    for words in sync_commands(report.unsent):
        _log.warning("W&B does not have all of it; send the rest with: %s", shlex.join(words))
    return list(report.table.rows)


def _program_jobs(service: SweepService, sweep: SweepFile) -> Jobs:
    """The jobs of a W&B sweep of a program, with the variables that `wandb agent` sets."""
    assert sweep.command is not None
    environment = {
        "WANDB_MODE": choose_mode("online"),
        "WANDB_SWEEP_ID": service.name,
        "WANDB_PROJECT": service.project,
        "WANDB_ENTITY": service.entity,
    }
    return ProgramJobs(
        sweep.command,
        metric=sweep.metric.name,
        folder=Path("wandb") / f"sweep-{service.name}",
        environment=environment,
        local_sweep=False,
        gpus=visible_gpus(),
    )


def _names(parameters: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the names of a sweep's parameters; nested ones with dots."""
    for name, parameter in parameters.items():
        inner = parameter.get("parameters") if isinstance(parameter, Mapping) else None
        if isinstance(inner, Mapping):
            yield from _names(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
