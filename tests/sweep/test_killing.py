"""kill -9 of workers, drivers and nodes of a cluster: nothing is lost, doubled or different."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.sweep import killing

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform != "linux", reason="finds its victims in /proc"),
    pytest.mark.usefixtures("_paths"),
]


@pytest.fixture
def _paths(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each driver keeps its wandb runs in its own folder.
    monkeypatch.delenv("WANDB_DIR", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def check(folder: Path, plan: killing.Plan) -> None:
    quiet = killing.Plan(plan.runs, plan.workers, epochs=plan.epochs)
    undisturbed = killing.run(folder / "undisturbed", quiet)
    assert undisturbed.lost(plan.runs) == undisturbed.doubled() == []
    killed = killing.run(folder / "killed", plan)
    assert len(killed.kills) == plan.kills + plan.node_kills
    assert killed.lost(plan.runs) == []
    assert killed.doubled() == []
    assert killed.orphans == []
    assert killing.differences(killed, undisturbed) == []
    assert killed.folders() == dict.fromkeys((row.run_id for row in killed.rows), 1)
    assert not list((folder / "killed").glob("study.db.checkpoints*"))


def test_killed_a_few_times(tmp_path: Path):
    # The seed that kills a worker, the driver, and all.
    check(tmp_path, killing.Plan(runs=48, workers=2, kills=3, seed=6))


@pytest.mark.slow
def test_killed_on_a_ray_cluster(tmp_path: Path):
    # The seed that kills a worker, the driver and a node.
    pytest.importorskip("ray", reason="Ray is not installed")
    plan = killing.Plan(runs=24, workers=2, kills=2, node_kills=1, seed=24, ray=True, epochs=100)
    check(tmp_path, plan)


@pytest.mark.soak
def test_a_thousand_runs_killed_twenty_times(tmp_path: Path):
    check(tmp_path, killing.Plan(runs=1000, workers=8, kills=20))


@pytest.mark.soak
def test_two_hundred_runs_on_a_ray_cluster_killed_twelve_times(tmp_path: Path):
    pytest.importorskip("ray", reason="Ray is not installed")
    check(tmp_path, killing.Plan(200, workers=2, kills=10, node_kills=2, ray=True, epochs=100))
