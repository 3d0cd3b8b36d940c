"""``agent``: what `wandb agent` does, with many runs at once."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dlsweep.config import ConfigError, canonical_value
from dlsweep.config.kinds import checked_count
from dlsweep.sweep.agent._join import AgentOptions, JoinedSweep, join_sweep
from dlsweep.sweep.agent._program_source import WandbProgramSource
from dlsweep.sweep.agent._wandb_source import WandbSource
from dlsweep.sweep.driver import AT_ONCE, Driver, Jobs, ProgramJobs, Progress, leaving_on_signals
from dlsweep.sweep.execution import (
    Executor,
    choose_executor,
    choose_program_executor,
    visible_gpus,
)
from dlsweep.sweep.study import Row, StudyTable
from dlsweep.tracking import choose_mode, sync_commands
from dlsweep.training import choose_device

_log = logging.getLogger("dlsweep.sweep")

_STACK = 64


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


def train_joined(joined: JoinedSweep, progress: Progress | None = None) -> AgentReport:
    """Train runs of a joined sweep until it has no more.

    Raises:
        ConfigError: if its device or cluster cannot be used.
        ExecutorError: if no worker can start.
    """
    progress = progress or Progress()
    if isinstance(joined.facts.config.get("scheduler"), Mapping):
        how = f"`wandb sweep-scheduler {joined.service.path}`"
        _log.warning(f"the runs of this sweep are proposed by W&B's scheduler, {how}")
    source: WandbSource | WandbProgramSource
    jobs: Jobs | None = None
    if joined.program is None:
        source, executor = _builtin(joined, progress)
    else:
        source, executor, jobs = _program(joined)
    driver = Driver(source, executor, jobs=jobs, progress=progress)

    def leave(number: int) -> None:
        source.exit_code = 128 + number
        driver.leave()

    with leaving_on_signals(leave):
        driver.run()
    rows = tuple(source.rows)
    table = StudyTable(
        joined.service.path, joined.metric, rows, joined.program, others=joined.metrics[1:]
    )
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
    builtin: bool = False,
) -> list[Row]:
    """Train the runs of a W&B sweep as `wandb agent` does, but many at once.

    Built-in networks are trained in stacks. Ctrl-C and SIGTERM end it after the present epoch, and
    W&B hands the runs out again. Any other program is run once for each run; Ctrl-C interrupts it.

    Args:
        sweep_id: ID, PROJECT/ID or ENTITY/PROJECT/ID, as `wandb sweep` prints it.
        count: how many runs to take; by default all.
        stack: how many runs to take from the sweep at once; 64 by default, or 8 of a bayes sweep.
        workers: how many processes train, or how many programs run at once; by default one for
            each core, or for each GPU.
        device: auto, cpu or cuda, for all runs, instead of the sweep's own setting.
        cluster: the address of a Ray cluster to train on: HOST:PORT, or auto.
        entity, project: where the sweep is, if its id does not say so.
        builtin: train the built-in networks, whatever program the sweep names.

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
    options = AgentOptions(
        entity=entity,
        project=project,
        builtin=builtin,
        count=checked_count("count", count, problems),
        stack=checked_count("stack", stack, problems),
        workers=checked_count("workers", workers, problems),
        device=device,
        cluster=cluster,
    )
    if problems:
        raise ConfigError(problems)
    report = train_joined(join_sweep(sweep_id, options))
    for words in sync_commands(report.unsent):
        _log.warning("W&B does not have all of it; send the rest with: %s", shlex.join(words))
    return list(report.table.rows)


def _builtin(joined: JoinedSweep, progress: Progress) -> tuple[WandbSource, Executor]:
    """Where the runs of a sweep of built-in networks come from, and where they are trained."""
    options = joined.options
    settings = {}
    if options.device is not None:
        settings["device"] = canonical_value("device", options.device)[0]
    where = settings.get("device", "auto")
    choose_device(where if options.cluster is None else "cpu")
    at_once = min(AT_ONCE.get(str(joined.facts.config.get("method")), _STACK), _STACK)
    source = WandbSource(
        joined.service,
        mode=choose_mode("online"),
        metric=joined.metric,
        at_once=options.stack or at_once,
        settings=settings,
        limit=options.count,
        left=joined.left,
        on_refused=progress.ended,
    )
    return source, choose_executor(where, options.workers, joined.runs, options.cluster)


def _program(joined: JoinedSweep) -> tuple[WandbProgramSource, Executor, Jobs]:
    """The same of a program, and its jobs, with the variables that `wandb agent` sets."""
    options, service, sweep = joined.options, joined.service, joined.program
    assert sweep is not None
    assert sweep.command is not None
    executor = choose_program_executor(options.workers, joined.runs, options.cluster)
    mode = choose_mode("online")
    source = WandbProgramSource(
        service,
        paths=sweep.paths,
        sends=mode == "online",
        metric=joined.metric,
        at_once=max(1, executor.slots),
        limit=options.count,
        left=joined.left,
    )
    jobs = ProgramJobs(
        sweep.command,
        metric=sweep.metric.name,
        folder=Path("wandb") / f"sweep-{service.name}",
        environment={
            "WANDB_MODE": mode,
            "WANDB_SWEEP_ID": service.name,
            "WANDB_PROJECT": service.project,
            "WANDB_ENTITY": service.entity,
        },
        local_sweep=False,
        gpus=visible_gpus() if options.cluster is None else (),
    )
    return source, executor, jobs
