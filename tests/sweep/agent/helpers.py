"""W&B sweeps at the protocol server, and agents that train them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dlsweep.config import parse_config
from dlsweep.sweep.agent import AgentOptions, AgentReport, WandbSource, join_sweep, train_joined
from dlsweep.sweep.driver import Driver, Progress
from dlsweep.sweep.execution import Executor
from dlsweep.sweep.file import Metric
from dlsweep.sweep.study import Row, Run
from dlsweep.tracking import SweepService
from dlsweep.training import EpochMetrics
from tests.tracking.facts import check_confusion, check_run
from tests.wandb_server import Run as WandbRun
from tests.wandb_server import Sweep, WandbServer

TINY = {
    "dataset": {"value": "digits"},
    "epochs": {"value": 2},
    "hidden_size": {"value": 8},
}


class Notes:
    """A ``Progress`` that keeps what it is called with, and may do something after an epoch."""

    def __init__(self, on_epoch: Callable[[Run, EpochMetrics], object] | None = None) -> None:
        self.on_epoch = on_epoch
        self.stacks: list[list[Run]] = []
        self.rows: list[Row] = []
        self.most_open = 0
        self._open: set[str] = set()

    def planned(self, runs: Sequence[Run]) -> None:
        """What is planned is not kept."""

    def started(self, runs: Sequence[Run]) -> None:
        self.stacks.append(list(runs))
        self._open |= {run.run_id for run in runs}
        self.most_open = max(self.most_open, len(self._open))

    def epoch(self, run: Run, metrics: EpochMetrics) -> None:
        if self.on_epoch is not None:
            self.on_epoch(run, metrics)

    def ended(self, row: Row) -> None:
        self.rows.append(row)
        self._open.discard(row.run_id)


def once(action: Callable[[], object]) -> Notes:
    """Notes that do something after the first epoch of all."""
    actions = [action]
    return Notes(lambda *_: actions and actions.pop()())


def add(server: WandbServer, parameters: dict[str, Any], **more: Any) -> Sweep:
    """A random sweep."""
    config = {"method": "random", "program": "train.py", "parameters": parameters, **more}
    return server.add_sweep(config, entity="team", project="plants")


def grid(server: WandbServer, parameters: dict[str, Any], **more: Any) -> Sweep:
    """A grid of tiny runs."""
    return add(server, {**TINY, **parameters}, method="grid", **more)


def train(
    sweep: Sweep, progress: Progress | None = None, *, stack: int = 16, **more: Any
) -> AgentReport:
    """Train the runs of a sweep in this process."""
    options = AgentOptions(stack=stack, workers=1, **more)
    return train_joined(join_sweep(f"team/plants/{sweep.id}", options), progress)


def train_on(
    executor: Executor, sweep: Sweep, progress: Progress | None = None, **more: Any
) -> WandbSource:
    """Train the runs of a sweep on an executor; ``more`` goes to the driver."""
    service = SweepService(f"team/plants/{sweep.id}")
    source = WandbSource(service, mode="online", metric=Metric(), at_once=16, settings={})
    Driver(source, executor, progress=progress, **more).run()
    return source


def runs_of(server: WandbServer, sweep: Sweep) -> list[WandbRun]:
    """What the server has of a sweep's runs, in the order in which they were handed out."""
    return [server.runs[run_id] for run_id in sweep.runs]


def check_complete(server: WandbServer, sweep: Sweep) -> None:
    """Every run of the sweep is whole, its own, and has the configuration that it was to have."""
    for run in runs_of(server, sweep):
        config = check_run(run)
        settings = sweep.handed_out[run.id]
        assert (run.entity, run.project, run.sweep) == ("team", "plants", sweep.id)
        assert run.config == {**config.as_dict(), **settings}
        expected, _ = parse_config({**settings, "wandb_project": "plants", "wandb_entity": "team"})
        assert config == expected
        check_confusion(run, "val")
        check_confusion(run, "test")
    assert server.unknown == []


def workers_of(pid: int) -> list[int]:
    """The worker processes of a process."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    commands = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    return [child for child, words in commands.items() if b"execution._worker" in words]


def kill(pid: int) -> None:
    """kill -9."""
    os.kill(pid, 9)
