"""optuna-dashboard, the real program, opens a study as it is."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from dlsweep.sweep import Study
from tests.sweep.helpers import history, sweep

SPACE = {
    "learning_rate": {"min": 0.001, "max": 1.0, "distribution": "log_uniform_values"},
    "hidden_size": {"values": [[64, 32], 128]},
    "dropout": {"distribution": "beta", "a": 2, "b": 5},
}
PROGRAM = shutil.which("optuna-dashboard", path=str(Path(sys.executable).parent))


@pytest.mark.skipif(PROGRAM is None, reason="no optuna-dashboard here: pip install it")
def test_the_dashboard_shows_a_study(tmp_path: Path):
    with Study.open(sweep(SPACE), str(tmp_path / "study.db")) as study:
        name, points = study.name, study.ask(4)
        study.finish(points[0], "finished", history(0.5, 0.75))
        study.finish(points[1], "stopped", history(0.25))
        study.fail(points[2], "no luck")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert PROGRAM is not None
    words = [PROGRAM, "sqlite:///study.db", "--host", "127.0.0.1", "--port", str(port)]
    program = subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def get(path: str) -> Any:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            try:
                with opener.open(f"http://127.0.0.1:{port}/api/{path}", timeout=60) as answer:
                    return json.load(answer)
            except OSError:
                assert program.poll() is None
                time.sleep(0.2)

    try:
        [listed] = get("studies")["study_summaries"]
        shown = get(f"studies/{listed['study_id']}")
    finally:
        program.terminate()
        program.wait()
    assert (listed["study_name"], shown["directions"]) == (name, ["maximize"])
    trials = shown["trials"]
    assert [trial["state"] for trial in trials] == ["Complete", "Pruned", "Fail", "Running"]
    assert [trial["number"] for trial in shown["best_trials"]] == [0]
    assert [trial.get("values") for trial in trials] == [[0.75], None, None, None]
    steps = [(v["step"], v["value"]) for v in trials[0]["intermediate_values"]]
    assert steps == [(1, 0.5), (2, 0.75)]
    names = {"learning_rate", "hidden_size", "dropout.quantile"}
    assert all({p["name"] for p in trial["params"]} == names for trial in trials)
