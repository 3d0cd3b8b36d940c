"""Floor 7: flags and sub-commands; thin."""

from dlsweep.cli._main import main
from dlsweep.cli._train import train_main

__all__ = ["main", "train_main"]
