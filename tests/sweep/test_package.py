"""What the package offers, and what its import costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import dlsweep.sweep


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = dlsweep.sweep.nothing


@pytest.mark.process
def test_a_sweep_file_is_read_without_what_training_needs() -> None:
    code = (
        "import sys; from dlsweep.sweep import parse_sweep;"
        "parse_sweep({'method': 'random', 'parameters': {'lr': {'min': 0.1, 'max': 0.2}}});"
        "print(*sys.modules.keys() & {'optuna', 'sqlite3', 'torch', 'wandb', 'scipy'})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
