"""Hyperparameter sweeps for small image classifiers, with or without Weights & Biases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep._lazy import lazily
from dlsweep._version import __version__
from dlsweep.config import ConfigError, RunConfig

if TYPE_CHECKING:
    from dlsweep.saved import load_model as load
    from dlsweep.sweep.agent import agent
    from dlsweep.sweep.local import run_sweep
    from dlsweep.tracking import train

__all__ = ["ConfigError", "RunConfig", "__version__", "agent", "load", "run_sweep", "train"]

__getattr__ = lazily(__name__, __file__)
