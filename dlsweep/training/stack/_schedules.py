"""The learning rate of each epoch."""

from __future__ import annotations

import math
from collections.abc import Callable

from dlsweep.config import RunConfig


def constant(config: RunConfig, epoch: int) -> float:
    """The same in every epoch."""
    return config.learning_rate


def step(config: RunConfig, epoch: int) -> float:
    """Times gamma every ``step_size`` epochs, as torch.optim.lr_scheduler.StepLR."""
    if config.learning_rate == 0:
        return 0.0
    try:
        return config.learning_rate * config.gamma ** ((epoch - 1) // config.step_size)
    except OverflowError:  # a gamma far above 1: this run diverges, its neighbours go on
        return math.inf


def cosine(config: RunConfig, epoch: int) -> float:
    """From the full rate down to zero: CosineAnnealingLR with T_max = epochs (SGDR, eq. 5)."""
    return config.learning_rate * (1 + math.cos(math.pi * (epoch - 1) / config.epochs)) / 2


SCHEDULES: dict[str, Callable[[RunConfig, int], float]] = {
    "constant": constant,
    "step": step,
    "cosine": cosine,
}
"""Each takes a configuration and the number of the epoch, from 1, and returns the rate."""
