"""Which runs are trained together."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Hashable, Sequence

from dlsweep.config import RunConfig
from dlsweep.config.choices import MODELS
from dlsweep.data import describe
from dlsweep.parts import BACKENDS
from dlsweep.training._losses import loss_of
from dlsweep.training.planning._counts import counts
from dlsweep.training.planning._room import members_that_fit
from dlsweep.training.planning._ways import (
    COMPILED,
    HAND_WRITTEN,
    ONE_BY_ONE,
    STACKED,
    differs_in_depth,
    is_written_out,
    way,
)

_log = logging.getLogger("dlsweep.training")

_CPU_MEMBERS = 8
"""The largest stacks on a CPU."""
_CACHED_NUMBERS = 700_000
"""Weights of a CPU's stack: with gradients and slots some 11 MB, a core's share of a cache."""
_LONG_STEP = 6_000_000
"""Weights times images of a step beside which what stacks save on a CPU is nothing.

Members of a stack there have in common what it takes to say what is to be done, some 75 µs of each
step. Networks of 4 hidden layers cost, in stacks of 8, a half less than alone with 32 units and
batches of 16, a tenth less with 64 and 64; and with 128 and 64 (9.7 million) as much as alone or
more, in stacks of any size (``benchmarks/results/members.json``).
"""


def stack_key(config: RunConfig, device: str = "cpu") -> Hashable:
    """What must be equal for runs to share a stack on a device; all else may differ.

    Shapes must be: the same data, the same layers, the same batches. Learning rates and other
    settings of the update, the update rules themselves, initialisation, seeds, dropout's
    probability, schedules, epochs and early stopping are numbers. So are losses and activations
    where members are computed one by one, and by a gradient that is written out the number of
    hidden layers too, where all have one width.

    The key of a configuration whose backend makes no stacks equals no other, its own included.
    """
    if not BACKENDS[config.backend].stacks:
        return object()
    how = way(config, device)
    written_out = how == HAND_WRITTEN and differs_in_depth(config)
    one_program = how in (STACKED, COMPILED)
    built_in = config.model in MODELS
    return (
        how,
        config.backend,
        config.device,
        config.dataset,
        config.image_size,
        config.color,
        config.classes,
        config.skip_bad,
        config.features,
        config.features_weights,
        config.val_fraction,
        config.train_size,
        config.model,
        config.model_settings,
        tuple(config.options(MODELS[config.model].options).items() if built_in else ()),
        config.hidden_sizes[0] if written_out else config.hidden_sizes,
        config.batch_size,
        config.batch_norm,
        config.conv_layers if config.model == "cnn" else None,
        config.dropout_at if config.dropout > 0 else None,
        (config.activation, config.conv_activation, loss_of(config)) if one_program else None,
    )


def standing(configs: Sequence[RunConfig], device: str) -> list[int]:
    """In which order the members of a stack stand in it, by their places in ``configs``.

    What neighbours have in common is one operation. On a CPU the deepest are the first, so that a
    layer is computed for those who have it, and among these follow each other those who have one
    activation, and one loss. In one program it is the kind of the update rule.
    """

    def key(i: int) -> tuple[int, str, str, int]:
        config = configs[i]
        if way(config, device) in (STACKED, COMPILED):
            return 0, config.optimizer, "", i
        return -config.num_layers, config.activation, config.loss, i

    return sorted(range(len(configs)), key=key)


def steps(config: RunConfig) -> int:
    """How many steps of the optimizer a run takes in all its epochs, about."""
    images, _, _ = describe(config).sizes(config.val_fraction, config.train_size)
    return config.epochs * math.ceil(images / config.batch_size)


def cost(config: RunConfig) -> float:
    """About how many seconds a run takes on one core, for putting the longest stacks first.

    Per step: the arithmetic of a forward and a backward pass, at 100 GFLOP/s and that of
    convolutions at 130; the traffic of the update at 50 GB/s; for each value that convolutions give
    7 ns, with its activation, forward and backward, and 2.7 ns more for batch norm and for dropout;
    and 0.04 ms for everything else, 1 ms where autograd does it. Cores differ, but hardly in how
    these relate.
    """
    network = counts(config)
    arithmetic = 6 * config.batch_size * (network.products / 130e9 + network.dense / 100e9)
    passes = 7e-9 + 2.7e-9 * (config.batch_norm + (config.dropout > 0))
    traffic = 28 * network.weights / 50e9 + passes * network.values * config.batch_size
    rest = 4e-5 if is_written_out(config) else 1e-3
    return steps(config) * (arithmetic + traffic + rest)


def threads(config: RunConfig) -> int | None:
    """How many threads a run alone should use on a CPU; None for all there are.

    The steps of a fully connected network are so short that a second thread gains next to nothing,
    and where the cores are busy with something else, its threads wait for each other at every
    operation: an epoch then takes ten times as long. Convolutions gain from every thread.
    """
    return 1 if is_written_out(config) or config.model == "autoencoder" else None


def most_members(runs: int, processes: int) -> int:
    """How large stacks may be so that all processes have some of the runs."""
    return max(1, math.ceil(runs / processes))


def _largest(config: RunConfig, device: str, memory: int | None) -> tuple[int | None, str]:
    """How many members a stack like this is to have at most, None for any number, and why."""
    if not BACKENDS[config.backend].stacks:
        return 1, "its backend trains one run at a time"
    how = way(config, device)
    if how == ONE_BY_ONE:
        return 1, "its members would be trained one after the other"
    if how == HAND_WRITTEN:
        weights = counts(config).weights
        if weights * config.batch_size > _LONG_STEP:
            return 1, "its steps are too long to gain by more"
        cached = max(1, _CACHED_NUMBERS // weights)
        if cached < _CPU_MEMBERS:
            return cached, "more would leave the processor's cache"
        return _CPU_MEMBERS, "more gain nothing"
    if memory is not None:
        fit = members_that_fit(config, memory)
        return fit, f"more would not fit into {memory / 1e9:.1f} GB"
    return None, ""


def _likeness(configs: Sequence[RunConfig], device: str, i: int) -> tuple[str, int, str, int]:
    """Neighbours in this order end together, and share operations (see ``standing``)."""
    config = configs[i]
    kind = "" if device == "cpu" else config.optimizer
    return kind, config.epochs, config.activation, config.num_layers


def plan(
    configs: Sequence[RunConfig],
    most: int | None = None,
    memory: int | None = None,
    device: str = "cpu",
    *,
    each: int = 1,
) -> list[list[int]]:
    """Stacks for a list of runs.

    What shares its shapes is shared out evenly, with runs side by side that are alike: what these
    have in common is one operation. Why the stacks are as large as they are goes to the logger
    ``dlsweep.training``.

    Args:
        configs: the runs.
        most: the largest number of members in a stack; None for any.
        memory: bytes that a stack on a GPU and its data set may take (see ``free_memory``); None
            for as much as they take. A run that takes more by itself is a stack of its own.
        device: what is to train, cpu or cuda.
        each: how many members of its stack each of the runs stands for, such as its seeds.

    Returns:
        Lists of places in ``configs``: every run is in exactly one, those of one list are
        stackable and in ascending order, none is longer than ``most``.
    """
    groups: dict[Hashable, list[int]] = {}
    for i, config in enumerate(configs):
        groups.setdefault(stack_key(config, device), []).append(i)
    stacks = []
    for group in groups.values():
        size, why = len(group), "all that share its shapes"
        largest, reason = _largest(configs[group[0]], device, memory)
        for limit, because in ((most, "the most that was asked for"), (largest, reason)):
            if limit is not None and max(1, limit // each) < size:
                size, why = max(1, limit // each), because
        size = math.ceil(len(group) / math.ceil(len(group) / size))
        ordered = sorted(group, key=functools.partial(_likeness, configs, device))
        parts = [sorted(ordered[start : start + size]) for start in range(0, len(group), size)]
        _log.debug(
            "%d runs in stacks of %s: %s", len(group), ", ".join(map(str, map(len, parts))), why
        )
        stacks += parts
    return stacks
