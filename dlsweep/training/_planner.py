"""Which runs are trained together."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Hashable, Mapping, Sequence

from dlsweep.config import RunConfig
from dlsweep.data import describe
from dlsweep.parts import BACKENDS
from dlsweep.training._counts import counts
from dlsweep.training._layout import Layout, can_be_deepened
from dlsweep.training._memory import countable, members_that_fit, stack_memory

_log = logging.getLogger("dlsweep.training")

_CPU_MEMBERS = 8
"""The largest stacks on a CPU."""
_CACHED_NUMBERS = 700_000
"""Weights of a CPU's stack: with gradients and slots some 11 MB, a core's share of a cache.

What members of a stack have in common there is what it takes to say what is to be done; what they
contend for is the cache. With all cores at work, networks of 4 hidden layers cost the least each in
stacks of 8 (of 32 or 64 units: a third less than alone, and no less in stacks of 16), of 4 (of 128:
a tenth less), and alone (of 512: a fifth less than in stacks of 2).
"""


def stack_key(config: RunConfig) -> Hashable:
    """What must be equal for runs to share a stack; all else may differ between members.

    Shapes must be: the same data, the same layers, the same batches. Learning rates and other
    settings of the update, the update rules themselves, initialisation, seeds, losses,
    activations, dropout's probability, schedules, epochs and early stopping are data. The number
    of hidden layers is, where all have one width (see ``Layout``).

    The key of a configuration whose backend makes no stacks equals no other, its own included.
    """
    if not BACKENDS[config.backend].stacks:
        return object()
    return (
        config.backend,
        config.device,
        config.dataset,
        config.image_size,
        config.color,
        config.classes,
        config.skip_bad,
        config.val_fraction,
        config.train_size,
        config.model,
        config.hidden_sizes[0] if can_be_deepened(config) else config.hidden_sizes,
        config.batch_size,
        config.batch_norm,
        config.conv_layers if config.model == "cnn" else None,
        config.dropout_at if config.dropout > 0 else None,
    )


def steps(config: RunConfig) -> int:
    """How many steps of the optimizer a run takes in all its epochs, about."""
    images, _, _ = describe(config).sizes(config.val_fraction, config.train_size)
    return config.epochs * math.ceil(images / config.batch_size)


def cost(config: RunConfig) -> float:
    """About how many seconds a run takes on one core, for putting the longest stacks first.

    Per step: the arithmetic of a forward and a backward pass, at 100 GFLOP/s and that of
    convolutions at 130; the traffic of the update at 50 GB/s; for each value that convolutions give
    7 ns, with its activation, forward and backward, and 2.7 ns more for batch norm and for dropout;
    and 0.04 ms for everything else, 1 ms with convolutions. Cores differ, but hardly in how these
    relate.
    """
    products, values, convolutions, dense = counts(config)
    arithmetic = 6 * config.batch_size * (products / 130e9 + dense / 100e9)
    passes = 7e-9 + 2.7e-9 * (config.batch_norm + (config.dropout > 0))
    traffic = 28 * (convolutions + dense) / 50e9 + passes * values * config.batch_size
    rest = 1e-3 if config.model == "cnn" else 4e-5
    return steps(config) * (arithmetic + traffic + rest)


def threads(config: RunConfig) -> int | None:
    """How many threads a run alone should use on a CPU; None for all there are.

    The steps of a fully connected network are so short that a second thread gains next to nothing,
    and where the cores are busy with something else, its threads wait for each other at every
    operation: an epoch then takes ten times as long. Convolutions gain from every thread.
    """
    return None if config.model == "cnn" else 1


def compiling_pays(member_steps: float, processes: int, device: str) -> bool:
    """Whether compiling is worth its time, for steps of members still to be trained.

    Nothing is compiled for a CPU. For a GPU it is an estimate: compiling takes 20 to 30 seconds of
    a core in each process, and a compiled member's step about a millisecond less.
    """
    return device != "cpu" and member_steps > 25_000 + 5_000 * processes


def most_members(runs: int, processes: int, device: str = "cpu", model: str = "feedforward") -> int:
    """How large stacks may be: small enough for all processes, and on a CPU for its caches.

    Members of a CNN's stack are trained one after the other there (see ``Apart``): a stack of
    several gains nothing, and stacks of one leave no process idle while another has many.

    What fits into a GPU's memory is ``plan``'s to say.
    """
    share = max(1, math.ceil(runs / processes))
    if device == "cpu" and model == "cnn":
        return 1
    return min(_CPU_MEMBERS, share) if device == "cpu" else share


Sizes = int | Mapping[str, int]
"""The largest number of members in a stack, of any model or of each by its name."""


def _most(most: Sizes, config: RunConfig) -> int:
    return most if isinstance(most, int) else most[config.model]


def _largest(most: Sizes, config: RunConfig, device: str) -> int:
    """What was asked for, or what a CPU trains fastest."""
    largest = _most(most, config)
    if device != "cpu" or not BACKENDS[config.backend].stacks:
        return largest
    return min(largest, max(1, _CACHED_NUMBERS // counts(config).weights))


def _likeness(configs: Sequence[RunConfig], device: str, i: int) -> tuple[str, int, str, int]:
    """Neighbours in this order end together, and share operations (see ``standing``)."""
    config = configs[i]
    kind = "" if device == "cpu" else config.optimizer
    return kind, config.epochs, config.activation, config.num_layers


def plan(
    configs: Sequence[RunConfig],
    most: Sizes = _CPU_MEMBERS,
    memory: int | None = None,
    device: str = "cpu",
) -> list[list[int]]:
    """Stacks for a list of runs.

    What shares its shapes is shared out evenly, with runs side by side that are alike: what these
    have in common is one operation. Why the stacks are as large as they are goes to the logger
    ``dlsweep.training``.

    Args:
        configs: the runs.
        most: the largest number of members in a stack, or those of stacks of each model.
        memory: bytes that a stack and its data set may take (see ``free_memory``); None for as much
            as they take. A run that takes more by itself is a stack of its own.
        device: what is to train, cpu or cuda.

    Returns:
        Lists of places in ``configs``: every run is in exactly one, those of one list are
        stackable and in ascending order, none is longer than ``most``.
    """
    groups: dict[Hashable, list[int]] = {}
    for i, config in enumerate(configs):
        groups.setdefault(stack_key(config), []).append(i)
    stacks = []
    for group in groups.values():
        largest = _largest(most, configs[group[0]], device)
        size, why = largest, "the most that was asked for"
        if largest < _most(most, configs[group[0]]):
            why = "more would leave the processor's cache"
        if memory is not None:
            runs = [configs[i] for i in group]
            layout = Layout.of(configs)
            size = members_that_fit(runs, largest, memory, layout=layout, device=device)
            if size < min(largest, len(group)):
                why = f"more would not fit into {memory / 1e9:.1f} GB"
                if device != "cpu" and size == countable(runs[0], layout):
                    why = "more would have more numbers than a GPU's programs count"
        if size >= len(group):
            why = "all that share its shapes"
        size = math.ceil(len(group) / math.ceil(len(group) / size))
        ordered = sorted(group, key=functools.partial(_likeness, configs, device))
        parts = [sorted(ordered[start : start + size]) for start in range(0, len(group), size)]
        if memory is not None and device != "cpu" and BACKENDS[configs[group[0]].backend].stacks:
            runs = [configs[i] for i in parts[0]]
            taken = stack_memory(runs, layout=Layout.of(configs), device=device).total
            why += f"; the largest takes {taken / 1e9:.1f} of {memory / 1e9:.1f} GB"
        _log.debug(
            "%d runs in stacks of %s: %s", len(group), ", ".join(map(str, map(len, parts))), why
        )
        stacks += parts
    return stacks
