"""The benchmarks still run, and print what they promise."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_smoke_version(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--smoke", "--json", tmp_path / "result.json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["dlsweep"]["points"] == 4
    assert {"processor", "cores", "torch"} <= result["machine"].keys()
    assert 0 < result["dlsweep"]["fraction_of_arithmetic_limit"] < 1
    for name, peer in result["peers"].items():
        ratio = peer["seconds_per_run_epoch"] / result["dlsweep"]["seconds_per_run_epoch"]
        assert peer["ratio"] == ratio
        assert f"| {name} |" in done.stdout
    assert len(result["peers"]) == 4
