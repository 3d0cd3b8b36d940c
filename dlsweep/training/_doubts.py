"""Notices of settings that are allowed, and with which a run trains for hours to no avail."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from dlsweep.parts import OPTIMIZERS

_WILD_RATE = 10.0
_WILD = 100.0
"""How many times the largest usual learning rate is doubtful."""
_ALMOST_ALL = 0.9


def doubts(values: Mapping[str, Collection[Any]], images: int | None = None) -> list[str]:
    """Notices of values that hardly can be meant; training goes on with them.

    Args:
        values: by name, the values that a setting has, in one run or over a sweep; of one that is
            drawn from an interval, the ends.
        images: how many images are trained on, at least; None if that is not known.
    """
    found = [*_rates(values), *_batches(values, images), *_epochs(values)]
    drop = max(_numbers(values, "dropout"), default=0.0)
    if drop >= _ALMOST_ALL:
        found.append(f"dropout: {drop:g} drops nearly all that a layer gives; usual are 0.1 to 0.5")
    return found


def _rates(values: Mapping[str, Collection[Any]]) -> list[str]:
    rates = _numbers(values, "learning_rate")
    if not rates:
        return []
    if min(rates) == 0:
        return ["learning_rate: 0 trains nothing"]
    optimizers = [name for name in values.get("optimizer", ()) if name in OPTIMIZERS]
    rate = max(rates)
    wild = [o for o in optimizers if rate >= min(_WILD_RATE, _WILD * OPTIMIZERS[o].usual_rates[1])]
    if not wild:
        return []
    ranges = ((o, *OPTIMIZERS[o].usual_rates) for o in wild)
    usual = "; ".join(f"{o} {low:g} to {high:g}" for o, low, high in ranges)
    return [f"learning_rate: {rate:g} is far above what is usual, and will hardly train: {usual}"]


def _batches(values: Mapping[str, Collection[Any]], images: int | None) -> list[str]:
    size = max(_numbers(values, "batch_size"), default=0)
    if images is None or size <= images:
        return []
    return [
        f"batch_size: {size:,.0f} is more than the {images:,} training images: an epoch is one step"
    ]


def _epochs(values: Mapping[str, Collection[Any]]) -> list[str]:
    epochs = max(_numbers(values, "epochs"), default=None)
    if epochs is None:
        return []
    found = []
    patience = _numbers(values, "early_stopping")
    if patience and min(patience) >= epochs:
        found.append(
            f"early_stopping: {min(patience):g} epochs without progress never come in {epochs:g}"
        )
    steps = _numbers(values, "step_size")
    if steps and min(steps) >= epochs and "step" in values.get("lr_schedule", ()):
        found.append(f"step_size: the learning rate never falls within {epochs:g} epochs")
    return found


def _numbers(values: Mapping[str, Collection[Any]], name: str) -> list[float]:
    return [
        value
        for value in values.get(name, ())
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
