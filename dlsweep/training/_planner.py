"""Which runs are trained together."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Hashable, Sequence

from dlsweep.config import RunConfig
from dlsweep.config.choices import DATASETS
from dlsweep.training._layout import Layout, can_be_deepened
from dlsweep.training._memory import countable, members_that_fit, stack_memory

_log = logging.getLogger("dlsweep.training")

_CPU_MEMBERS = 8


def stack_key(config: RunConfig) -> Hashable:
    """What must be equal for runs to share a stack; all else may differ between members.

    Shapes must be: the same data, the same layers, the same batches. Learning rates and other
    settings of the update, the update rules themselves, initialisation, seeds, losses,
    activations, dropout's probability, schedules, epochs and early stopping are data. The number
    of hidden layers is, where all have one width (see ``Layout``).

    The key of a configuration for the NumPy backend equals no other, its own included: it trains
    one run at a time.
    """
    if config.backend == "numpy":
        return object()
    return (
        config.backend,
        config.device,
        config.dataset,
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
    images = round(DATASETS[config.dataset].train_images * (1 - config.val_fraction))
    return config.epochs * math.ceil(min(images, config.train_size or images) / config.batch_size)


def cost(config: RunConfig) -> float:
    """About how many seconds a run takes on one core, for putting the longest stacks first.

    Per step: the arithmetic of a forward and a backward pass at 90 GFLOP/s, the traffic of the
    update at 10 GB/s, and 0.1 ms for everything else. Cores differ, but hardly in how these relate.
    """
    data = DATASETS[config.dataset]
    channels, side, _ = data.image_shape
    products, parameters = 0, 0
    if config.model == "cnn":
        for layer in config.conv_layers:
            side = (side - layer.kernel) // layer.stride + 1
            weights = channels * layer.channels * layer.kernel**2
            products, parameters = products + weights * side**2, parameters + weights
            channels = layer.channels
    sizes = (channels * side**2, *config.hidden_sizes, data.classes)
    dense = sum(a * b for a, b in itertools.pairwise(sizes))
    flops = 6 * (products + dense) * config.batch_size
    return steps(config) * (flops / 90e9 + 28 * (parameters + dense) / 10e9 + 1e-4)


def threads(config: RunConfig) -> int | None:
    """How many threads a run alone should use on a CPU; None for all there are.

    The steps of a fully connected network are so short that a second thread gains next to nothing,
    and where the cores are busy with something else, its threads wait for each other at every
    operation: an epoch then takes ten times as long. Convolutions gain from every thread.
    """
    return None if config.model == "cnn" else 1


def compiling_pays(member_steps: float, processes: int) -> bool:
    """Whether compiling is worth its time, for steps of members that are still to be trained.

    Each process compiles, which takes 20 to 30 seconds of a core; a step of a member that is
    compiled takes about a millisecond less.
    """
    return member_steps > 30_000 * processes


def most_members(runs: int, processes: int, device: str = "cpu") -> int:
    """How large stacks may be: small enough for all processes, and on a CPU for its caches.

    What fits into a GPU's memory is ``plan``'s to say.
    """
    share = max(1, math.ceil(runs / processes))
    return min(_CPU_MEMBERS, share) if device == "cpu" else share


def plan(
    configs: Sequence[RunConfig],
    most: int = _CPU_MEMBERS,
    memory: int | None = None,
    device: str = "cpu",
) -> list[list[int]]:
    """Stacks for a list of runs.

    Why the stacks are as large as they are goes to the logger ``dlsweep.training``.

    Args:
        configs: the runs.
        most: the largest number of members in a stack.
        memory: bytes that a stack and its data set may take (see ``free_memory``); None for as much
            as they take. A run that takes more by itself is a stack of its own.
        device: what is to train, cpu or cuda, for ``memory``.

    Returns:
        Lists of places in ``configs``: every run is in exactly one, those of one list are
        stackable and in ascending order, none is longer than ``most``.
    """
    groups: dict[Hashable, list[int]] = {}
    for i, config in enumerate(configs):
        groups.setdefault(stack_key(config), []).append(i)
    stacks = []
    for group in groups.values():
        size, why = most, "the most that was asked for"
        if memory is not None:
            runs = [configs[i] for i in group]
            layout = Layout.of(configs)
            size = members_that_fit(runs, most, memory, layout=layout, device=device)
            if size < min(most, len(group)):
                why = f"more would not fit into {memory / 1e9:.1f} GB"
                if device != "cpu" and size == countable(runs[0], layout):
                    why = "more would have more numbers than a GPU's programs count"
        parts = [group[start : start + size] for start in range(0, len(group), size)]
        if size >= len(group):
            why = "all that share its shapes"
        if memory is not None and device != "cpu" and configs[group[0]].backend == "torch":
            largest = [configs[i] for i in parts[0]]
            taken = stack_memory(largest, layout=Layout.of(configs), device=device).total
            why += f"; the largest takes {taken / 1e9:.1f} of {memory / 1e9:.1f} GB"
        _log.debug(
            "%d runs in stacks of %s: %s", len(group), ", ".join(map(str, map(len, parts))), why
        )
        stacks += parts
    return stacks
