"""What the package offers."""

import subprocess
import sys

import pytest


@pytest.mark.process
def test_the_engine_needs_no_wandb_and_no_optuna():
    program = (
        "import sys, dlsweep.training; "
        "sys.exit(bool({'wandb', 'optuna', 'sqlalchemy', 'rich'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
