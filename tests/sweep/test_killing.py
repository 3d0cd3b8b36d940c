"""kill -9 of workers, of the controller, of all: nothing is lost, doubled or different."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.sweep import killing

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="finds its victims in /proc"),
    pytest.mark.usefixtures("_paths"),
]


@pytest.fixture
def _paths(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each controller keeps its wandb runs in its own folder.
    monkeypatch.delenv("WANDB_DIR", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def check(folder: Path, runs: int, workers: int, kills: int, seed: int) -> None:
    undisturbed = killing.run(folder / "undisturbed", runs, workers, 0)
    assert undisturbed.lost(runs) == undisturbed.doubled() == []
    killed = killing.run(folder / "killed", runs, workers, kills, seed)
    assert len(killed.kills) == kills
    assert killed.lost(runs) == []
    assert killed.doubled() == []
    assert killed.orphans == []
    assert killing.differences(killed, undisturbed) == []
    assert killed.folders() == dict.fromkeys((row.run_id for row in killed.rows), 1)
    assert not list((folder / "killed").glob("study.db.checkpoints*"))
    assert not list((folder / "killed").glob("*.lock"))


def test_killed_a_few_times(tmp_path: Path):
    # The seed that kills a worker, the controller, and all, if there are workers each time.
    check(tmp_path, runs=48, workers=2, kills=3, seed=16)


@pytest.mark.slow
def test_a_thousand_runs_killed_twenty_times(tmp_path: Path):
    check(tmp_path, runs=1000, workers=8, kills=20, seed=0)
