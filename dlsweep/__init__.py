"""Hyperparameter sweeps for small image classifiers, with or without Weights & Biases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dlsweep._version import __version__
from dlsweep.config import ConfigError, RunConfig

if TYPE_CHECKING:
    from dlsweep.tracking import train

__all__ = ["ConfigError", "RunConfig", "__version__", "train"]


def __getattr__(name: str) -> Any:
    """``dlsweep.train`` on first use: torch and wandb take seconds to import."""
    if name == "train":
        from dlsweep.tracking import train

        return train
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
