"""Sweeps whose points W&B's scheduler proposes: its own optimizer, told what the runs log."""

from __future__ import annotations

import functools
import logging
import threading
from typing import Any

import pytest

from tests.sweep.agent.helpers import TINY, check_complete, runs_of, train
from tests.wandb_server import Sweep, WandbServer

pytest.importorskip("wandb.sdk.sweeps.scheduler.optuna")
from wandb.sdk.sweeps.run_state import RunState
from wandb.sdk.sweeps.scheduler.optimizer import Optimizer, RunWithMetrics, make_optimizer
from wandb.sdk.sweeps.sweep_info import SweepInfo

METRICS = [
    {"name": "val_accuracy", "goal": "maximize"},
    {"name": "parameters", "goal": "minimize"},
    {"name": "training_seconds", "goal": "minimize"},
]
FIXED = {name: given["value"] for name, given in TINY.items()}
ROUNDS, AT_ONCE = 2, 2


def test_a_scheduled_sweep_of_several_metrics(
    wandb_server: WandbServer, caplog: pytest.LogCaptureFixture
):
    rate = {"min": 0.001, "max": 0.1}
    config: dict[str, Any] = {
        "program": "train.py",
        "method": "custom",
        "metrics": METRICS,
        "scheduler": {"engine": "optuna"},
        "parameters": {**TINY, "hidden_size": {"values": [4, 8]}, "learning_rate": rate},
    }
    sweep = wandb_server.add_sweep(config, entity="team", project="plants")
    optimizer = make_optimizer(SweepInfo(sweep.id, "s", "team", "plants", config, "controller"))
    scheduler = threading.Thread(target=schedule, args=(wandb_server, sweep, optimizer))
    scheduler.start()
    with caplog.at_level(logging.WARNING, "dlsweep"):
        report = train(sweep)
    scheduler.join()
    assert report.exit_code == 0
    assert len(report.table.rows) == len(sweep.runs) == ROUNDS * AT_ONCE
    check_complete(wandb_server, sweep)
    hint = f"proposed by W&B's scheduler, `wandb sweep-scheduler team/plants/{sweep.id}`"
    assert any(line.endswith(hint) for line in caplog.messages)
    trials = optimizer.study.trials  # type: ignore[attr-defined]
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * len(sweep.runs)
    best = {tuple(trial.values) for trial in optimizer.study.best_trials}  # type: ignore[attr-defined]
    assert {one.values for one in report.table.front} == best


def schedule(server: WandbServer, sweep: Sweep, optimizer: Optimizer) -> None:
    """What `wandb sweep-scheduler` does: propose runs, wait for them, and propose the next."""
    try:
        for turn in range(1, ROUNDS + 1):
            asked = optimizer.ask_n_runs(AT_ONCE)
            assert asked is not None
            with server.changed:
                sweep.proposed += [{**FIXED, **one.config.flat_dict()} for one in asked]
            server.wait_for(functools.partial(ended, server, sweep, turn * AT_ONCE), timeout=120)
            for one, run in zip(asked, runs_of(server, sweep)[-AT_ONCE:], strict=True):
                told = RunWithMetrics(
                    one.config, RunState.FINISHED, run.id, dict(run.summary), list(run.history)
                )
                optimizer.tell_run(one.run_id, told)
    finally:  # else the agent waits for ever
        server.finish_sweep(sweep.id)


def ended(server: WandbServer, sweep: Sweep, runs: int) -> bool:
    """Whether so many runs have ended at the server."""
    there = len(sweep.runs) == runs and all(run in server.runs for run in sweep.runs)
    return there and all(run.state == "finished" for run in runs_of(server, sweep))
