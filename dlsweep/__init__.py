"""Hyperparameter sweeps for small image classifiers, with or without Weights & Biases."""

from dlsweep._version import __version__
from dlsweep.config import ConfigError, RunConfig

__all__ = ["ConfigError", "RunConfig", "__version__"]
