"""What the package offers, and what its import costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import dlsweep.sweep


def test_public_names() -> None:
    assert dlsweep.sweep.__all__ == [
        "DISTRIBUTIONS",
        "METHODS",
        "METRICS",
        "STATUSES",
        "Distribution",
        "HereTrainer",
        "Hyperband",
        "LocalSweep",
        "Metric",
        "Point",
        "ProcessTrainer",
        "Row",
        "Study",
        "StudyTable",
        "SweepFile",
        "Trainer",
        "Watcher",
        "choose_trainer",
        "datasets_of",
        "list_studies",
        "load_sweep",
        "metric_name",
        "parse_sweep",
        "read_study",
    ]
    for name in dlsweep.sweep.__all__:
        assert getattr(dlsweep.sweep, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = dlsweep.sweep.nothing


def test_a_sweep_file_needs_neither_optuna_nor_sqlalchemy_nor_torch() -> None:
    code = (
        "import sys; from dlsweep.sweep import parse_sweep;"
        "parse_sweep({'method': 'random', 'parameters': {'lr': {'min': 0.1, 'max': 0.2}}});"
        "print(*sys.modules.keys() & {'optuna', 'sqlalchemy', 'torch', 'wandb', 'scipy'})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
