"""Hyperparameter sweeps for small image classifiers, with or without Weights & Biases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dlsweep._version import __version__
from dlsweep.config import ConfigError, RunConfig

if TYPE_CHECKING:
    from dlsweep.saved import load_model as load
    from dlsweep.sweep.agent import agent
    from dlsweep.tracking import train

__all__ = ["ConfigError", "RunConfig", "__version__", "agent", "load", "train"]


def __getattr__(name: str) -> Any:
    """``agent``, ``load`` and ``train`` on first use: torch and wandb take seconds to import."""
    if name == "agent":
        from dlsweep.sweep.agent import agent

        return agent
    if name == "train":
        from dlsweep.tracking import train

        return train
    if name == "load":
        from dlsweep.saved import load_model

        return load_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
