"""`wandb agent` against `dlsweep agent`: the program still runs, and prints what it promises."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import agents
from tests.wandb_server import Sweep
from tests.wandb_server._client import COMMAND

pytestmark = pytest.mark.slow


def test_the_smoke_version_of_the_agents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measure = agents.measure

    def impatient(command: list[str], config: dict[str, Any]) -> tuple[float, Sweep]:
        """The same, but for the 5 s that `wandb agent` waits between its questions."""
        if command[1:3] == ["-m", "wandb"]:
            command = [sys.executable, "-c", COMMAND.format(poll=0.2), *command[3:]]
        return measure(command, config)

    result = tmp_path / "agents.json"
    monkeypatch.setattr(agents, "measure", impatient)
    monkeypatch.setattr(sys, "argv", ["agents", "--smoke", "--json", str(result)])
    agents.main()
    out = capsys.readouterr().out
    found = json.loads(result.read_text())
    seconds = found["seconds"]
    assert found["runs"] == 2
    assert found["ratio"] == seconds["wandb agent"] / seconds["dlsweep agent"]
    for name in ("wandb agent", "dlsweep agent"):
        assert f"| {name} | {seconds[name]:.1f} |" in out
