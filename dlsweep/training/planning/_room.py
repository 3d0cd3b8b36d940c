"""How much memory there is, and runs that it can never be enough for."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef

from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import describe
from dlsweep.data._memory import available_memory, total_memory
from dlsweep.models import answers, skeleton
from dlsweep.parts import OPTIMIZERS
from dlsweep.training._data import device_of
from dlsweep.training.planning._counts import counts

_SHARE = {"cpu": 0.7, "cuda": 0.9}
"""How much of what is free stacks may take; the rest is for what else grows meanwhile."""


def free_memory(device: str, processes: int = 1) -> int | None:
    """Bytes that each of several processes may take for a stack and its data set.

    Args:
        device: cpu, cuda or cuda:N.
        processes: how many share the memory.

    Returns:
        Nine tenths of what is free on a GPU, seven of what is free to the CPU, shared out; None
        where the system does not say how much is free.
    """
    if device.startswith("cuda"):
        on = torch.device(device)
        # What earlier stacks have left, PyTorch keeps for the next ones.
        kept = torch.cuda.memory_reserved(on) - torch.cuda.memory_allocated(on)
        free: int | None = torch.cuda.mem_get_info(on)[0] + kept
    else:
        free = available_memory()
    if free is None:
        return None
    return int(free * _SHARE[device.partition(":")[0]] / processes)


def members_that_fit(config: RunConfig, limit: int) -> int:
    """About how many runs like this one fit on a GPU as a stack, at least one.

    For each of a member's weights there are its value, its best, its gradient twice, what the rule
    remembers, and three temporaries of its update. What autograd keeps of an image for the way back
    is read off a step of the network itself; its gradients take as much again.

    Args:
        config: the run.
        limit: bytes for a stack and its data set.
    """
    data = describe(config)
    model = skeleton(config, data.image_shape, len(data.classes)).train()
    held: dict[StorageWeakRef, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        held[StorageWeakRef(storage)] = storage.nbytes()  # type: ignore[no-untyped-call]
        return tensor

    some = 4
    images = next(model.parameters()).new_zeros(some, *data.image_shape)
    watched = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with torch.random.fork_rng(devices=[]), watched:
        given = answers(model, images)
    for tensor in (*model.parameters(), images):
        held.pop(StorageWeakRef(tensor.untyped_storage()), None)  # type: ignore[no-untyped-call]
    del given
    weights = sum(parameter.numel() for parameter in model.parameters())
    each = 4 * weights * (7 + OPTIMIZERS[config.optimizer].slots)
    each += 2 * config.batch_size * sum(held.values()) // some
    pixels = math.prod(data.image_shape)
    shared = sum((*data.train, *(data.val or ()), *data.test)) * (4 * pixels + 8)
    return max(1, (limit - shared) // each)


def refuse_oversized(config: RunConfig) -> None:
    """Refuse a run whose weights alone are too many for all the memory that its device has.

    Beside each weight there are its gradient, its best value and what the update rule remembers of
    it. That the rest fits too is not said.

    Raises:
        ConfigError: with the settings that make the network so large.
    """
    on = device_of(config)
    weights = counts(config).weights
    least, there = 4 * (3 + OPTIMIZERS[config.optimizer].slots) * weights, _total_memory(on)
    if there is not None and least > there:
        settings = "conv_layers, hidden_size" if config.model == "cnn" else "hidden_size"
        where = "this machine has" if on.type == "cpu" else "the GPU has"
        raise ConfigError(
            [
                f"{settings}: a network of {weights:,} weights takes {least / 1e9:.1f} GB and more "
                f"to train; {where} {there / 1e9:.1f} GB"
            ]
        )


def _total_memory(device: torch.device) -> int | None:
    """Bytes that a GPU, or the machine, has in all; None where it is not told."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return total_memory()
