"""`wandb agent` against `dlsweep agent`: the program still runs, and prints what it promises."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_smoke_version_of_the_agents(tmp_path: Path) -> None:
    result = tmp_path / "agents.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.agents", "--smoke", "--json", result],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(result.read_text())
    seconds = found["seconds"]
    assert found["runs"] == 2
    assert found["ratio"] == seconds["wandb agent"] / seconds["dlsweep agent"]
    for name in ("wandb agent", "dlsweep agent"):
        assert f"| {name} | {seconds[name]:.1f} |" in done.stdout
