"""Where a run trains, and what on."""

from __future__ import annotations

import torch

from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import Dataset, load_for
from dlsweep.parts import BACKENDS


def choose_device(name: str) -> torch.device:
    """The device that a configuration's ``device`` means: auto is the GPU where there is one.

    Raises:
        ConfigError: where a GPU is asked for that is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError([f"device: got {name!r}, which is not there; use auto or cpu"])
    return device


def device_of(config: RunConfig) -> torch.device:
    """Where a run is trained: on the CPU if its backend knows no GPU; see ``choose_device``."""
    return choose_device(config.device if BACKENDS[config.backend].gpu else "cpu")


def load_data(
    config: RunConfig, dtype: torch.dtype = torch.float32, *, share: bool = False
) -> Dataset:
    """The data that a configuration trains on, on the device it trains on.

    Args:
        config: of the run.
        dtype: of the images.
        share: on the CPU, have one copy with other processes; see ``dlsweep.data.load``.

    Raises:
        ConfigError: for a split that the data set cannot give, or a device that is not there.
        dlsweep.data.DataUnavailable: where no source of the data can be reached.
    """
    return load_for(
        config,
        dtype=dtype,
        device=device_of(config),
        share=share,
    )
