"""What settings that are each sound alone may not be together, or are for nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from dlsweep.config.fields import WORDS, Fields
from dlsweep.config.model_options import model_options
from dlsweep.config.own_model import is_own
from dlsweep.parts import BACKENDS


def _heeding() -> dict[str, tuple[str, tuple[str, ...]]]:
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for setting, values in WORDS.items():
        for word, value in values.items():
            for name in (*getattr(value, "heeds", ()), *getattr(value, "options", ())):
                _, words = found.get(name, (setting, ()))
                found[name] = setting, (*words, word)
    return found


HEEDING = _heeding()
"""Settings that only some values of another setting heed: that setting, and these values."""


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


def heeded(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a built-in run that have an effect beside the others."""
    return {name: value for name, value in settings.items() if not is_idle(name, settings)}


def without_effect(given: Collection[str], values: Mapping[str, Collection[Any]]) -> list[str]:
    """Notices of settings that were given and change nothing.

    Args:
        given: the names of the settings.
        values: by name, all values that a setting may have, in one run or over a sweep.
    """
    for_nothing: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    own = {name for model in values["model"] if is_own(model) for name in model_options(model)}
    for name, (other, heeding) in HEEDING.items():
        if name in given and name not in own and not set(heeding) & set(values[other]):
            for_nothing.setdefault((other, heeding), []).append(name)
    return [
        f"{', '.join(names)}: no effect without {other} {' or '.join(heeding)}"
        for (other, heeding), names in for_nothing.items()
    ]


def contradictions(config: Fields) -> list[str]:
    """What is wrong between settings that are each sound alone, one line each."""
    problems = []
    if isinstance(config.hidden_size, tuple) and len(config.hidden_size) != config.num_layers:
        problems.append(
            f"hidden_size: got {len(config.hidden_size)} sizes {list(config.hidden_size)} for "
            f"num_layers {config.num_layers}; give one size, or one per hidden layer"
        )
    if config.batch_norm and config.batch_size == 1:
        problems.append("batch_norm: one image has no variance; use a batch_size of 2 or more")
    pretraining = vars(config)["pretrain_epochs"] if config.model == "autoencoder" else 0
    if pretraining >= config.epochs:
        problems.append(
            f"pretrain_epochs: got {pretraining} of {config.epochs} epochs; "
            "leave one or more for the classifier"
        )
    return problems + BACKENDS[config.backend].refuses(lambda name: getattr(config, name))
