"""Floor 6: flags and sub-commands; thin."""

from dlsweep.cli._train import train_main

__all__ = ["train_main"]
