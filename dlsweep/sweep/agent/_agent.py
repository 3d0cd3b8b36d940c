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
from dlsweep.sweep.agent._wandb_source import WandbSource
from dlsweep.sweep.driver import AT_ONCE, Driver, Progress, leaving_on_signals
from dlsweep.sweep.execution import choose_executor
from dlsweep.sweep.file import Metric, parse_metric
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
    """

    service: SweepService
    facts: SweepFacts
    metric: Metric
    left: int | None


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
    sweep_id: str, *, entity: str | None = None, project: str | None = None
) -> JoinedSweep:
    """Look a W&B sweep up; one that cannot be trained is refused before a run is taken from it.

    Args:
        sweep_id: ID, PROJECT/ID or ENTITY/PROJECT/ID.
        entity, project: where it is, if the id does not say so.

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
    names = _names(facts.config.get("parameters") or {})
    unknown = [unknown_setting(name) for name in names if setting_name(name) is None]
    if unknown:
        raise ConfigError([f"sweep {service.path}: {problem}" for problem in unknown])
    program = facts.config.get("program")
    if program is not None and Path(str(program)).name != "train.py":
        _log.warning("the sweep's program, %s, is not run: dlsweep trains its runs itself", program)
    metric, ignored = facts.config.get("metric"), list[str]()
    left = None if facts.expected is None else max(0, facts.expected - facts.runs)
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
    settings = {} if device is None else {"device": canonical_value("device", device)[0]}
    where = settings.get("device", "auto")
    choose_device(where if cluster is None else "cpu")
    ends = [end for end in (count, joined.left) if end is not None]
    source = WandbSource(
        joined.service,
        mode=choose_mode("online"),
        metric=joined.metric,
        at_once=stack or min(AT_ONCE.get(str(joined.facts.config.get("method")), _STACK), _STACK),
        settings=settings,
        limit=count,
        left=joined.left,
        on_refused=progress.ended,
    )
    executor = choose_executor(where, workers, min(ends, default=None), cluster)
    driver = Driver(source, executor, progress=progress)

    def leave(number: int) -> None:
        source.exit_code = 128 + number
        driver.leave()

    with leaving_on_signals(leave):
        driver.run()
    table = StudyTable(joined.service.path, joined.metric, tuple(source.rows))
    failed = bool(source.rows) and all(row.status == "failed" for row in source.rows)
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


def _names(parameters: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the names of a sweep's parameters; nested ones with dots."""
    for name, parameter in parameters.items():
        inner = parameter.get("parameters") if isinstance(parameter, Mapping) else None
        if isinstance(inner, Mapping):
            yield from _names(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
