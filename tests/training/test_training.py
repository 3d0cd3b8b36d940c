"""What the package offers."""

import subprocess
import sys

from dlsweep import training


def test_public_names():
    assert training.__all__ == [
        "BACKENDS",
        "DIVERGED",
        "EARLY_STOPPED",
        "FINISHED",
        "LOSSES",
        "RULES",
        "SCHEDULES",
        "EpochEnd",
        "EpochMetrics",
        "Evaluation",
        "RunResult",
        "Stack",
        "choose_device",
        "plan",
        "stack_key",
        "train_stack",
    ]
    assert all(hasattr(training, name) for name in training.__all__)


def test_the_engine_needs_no_wandb_and_no_optuna():
    program = (
        "import sys, dlsweep.training; "
        "sys.exit(bool({'wandb', 'optuna', 'sqlalchemy', 'rich'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
