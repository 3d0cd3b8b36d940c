"""``dlsweep ablate``: what it writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlsweep.cli import main
from dlsweep.sweep import load_sweep


def test_a_sweep_file_is_written_once_and_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    Path("base.yaml").write_text("dataset: digits\nlearning_rate: 1e-2\n")
    words = ["ablate", "base.yaml", "lr=1e-3,0.1", "hidden_size=[16,8],64", "-o", "one.yaml"]
    assert main(words) == main(words) == 0
    assert "one.yaml: 5 configurations, 3 seeds each" in capsys.readouterr().out
    assert load_sweep(Path("one.yaml")).size == 15
    assert main([*words, "--seeds", "2"]) == 2
    assert "one.yaml is there already" in capsys.readouterr().err
    assert main(["ablate", "base.yaml", "optimizer"]) == 2
    assert "such as optimizer=sgd,adam" in capsys.readouterr().err
    assert main(["ablate", "base.yaml", "{optimizer: sgd, momentum: 0.5}", "--seeds", "1"]) == 0
    assert "- {optimizer: sgd, momentum: 0.5}" in capsys.readouterr().out
