"""The ways to train the members of a stack, and which one a configuration is trained in."""

from __future__ import annotations

import os

from dlsweep.config import RunConfig
from dlsweep.models import MODELS, FeedForward

HAND_WRITTEN, ONE_BY_ONE, STACKED, COMPILED = WAYS = (
    "hand_written",
    "one_by_one",
    "stacked",
    "compiled",
)
"""By backpropagation that is written out, for one known class of network on a CPU; by autograd,
member by member; by autograd, all members in one program of ``torch.func``; the same, compiled."""

VARIABLE = "DLSWEEP_TRAIN"
"""The environment variable that names another way than the default, to compare them."""


def way(config: RunConfig, device: str = "cpu") -> str:
    """The way in which a configuration is trained on a device (cpu or cuda).

    On a CPU nothing is gained by a stack through ``torch.func``: mapped over members, convolutions
    become grouped ones, which take twice as long there.

    Raises:
        ValueError: where the environment variable names no way.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen and chosen not in WAYS:
        raise ValueError(f"{VARIABLE}: got {chosen!r}; use one of {', '.join(WAYS)}")
    if not chosen:
        chosen = HAND_WRITTEN if device == "cpu" else STACKED
    if chosen == HAND_WRITTEN and (device != "cpu" or not is_written_out(config)):
        return ONE_BY_ONE
    return chosen


def is_written_out(config: RunConfig) -> bool:
    """Whether the hand-written gradient is that of this configuration's very class of network."""
    return MODELS.get(config.model) is FeedForward


def differs_in_depth(config: RunConfig) -> bool:
    """Whether members of a hand-written stack may differ from this one in their depth.

    There the layers of the deeper ones are computed for these alone, which needs one width.
    """
    return (
        is_written_out(config)
        and len(set(config.hidden_sizes)) == 1
        and not config.batch_norm
        and config.dropout == 0
    )
