"""Which settings of a built-in run have an effect beside its other settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlsweep.config.fields import WORDS
from dlsweep.config.relations import HEEDING

_OFF = {"dropout_at": ("dropout", 0), "hidden_size": ("num_layers", 0)}
"""Settings that one value of another setting leaves without a place to act."""

DECIDING = {
    *HEEDING,
    *(other for other, _ in HEEDING.values()),
    *_OFF,
    *(other for other, _ in _OFF.values()),
}
"""The settings whose values decide which of them have an effect."""


def is_idle(name: str, settings: Mapping[str, Any]) -> bool:
    """Whether a setting has no effect beside the others.

    Args:
        name: the setting.
        settings: all of them, or those that are known; what is not known decides nothing.
    """
    if name in _OFF:
        other, off = _OFF[name]
        if other in settings and settings[other] == off:
            return True
    if name in HEEDING:
        other, heeding = HEEDING[name]
        # A value that is not a word of ours, such as a user's own model, may heed anything.
        return settings.get(other) in WORDS[other] and settings[other] not in heeding
    return False
