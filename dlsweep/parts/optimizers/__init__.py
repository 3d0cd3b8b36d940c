"""Update rules: one file each."""

from __future__ import annotations

from dlsweep.parts.optimizers._optimizer import Hyperparameters, Optimizer, Updater

__all__ = ["Hyperparameters", "Optimizer", "Updater"]
