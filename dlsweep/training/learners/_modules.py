"""The parameters and buffers of any module by their names, and modules that work on given ones."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from dlsweep.models import Autoencoder, ConvNet, FeedForward


def is_known(module: nn.Module) -> bool:
    """Whether it is of one of the classes that ways were made for; a subclass of these is not.

    These compute without drawing random numbers, and change nothing but their buffers, in place.
    """
    return type(module) in (FeedForward, ConvNet, Autoencoder)


def trained(module: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that training changes, shared ones once, by their first names."""
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


def kept(module: nn.Module) -> dict[str, Tensor]:
    """All else that makes a module's state: buffers, and parameters that are frozen."""
    frozen = {name: p.detach() for name, p in module.named_parameters() if not p.requires_grad}
    return {**frozen, **dict(module.named_buffers())}


def saved_names(module: nn.Module) -> dict[str, str]:
    """The names of a module's state dict, and under which of its names ``trained`` or ``kept`` has
    the same tensor: they differ where one is shared."""
    tensors = (*module.named_parameters(), *module.named_buffers())
    first = {id(tensor): name for name, tensor in tensors}
    state = module.state_dict(keep_vars=True)
    return {name: first[id(value)] for name, value in state.items() if id(value) in first}


def bind(module: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Make a module's parameters and buffers these very tensors: it sees what is written to them.

    Args:
        module: what shares a tensor goes on sharing it.
        values: by the names of ``trained`` and ``kept``.
    """
    bound: dict[int, Tensor] = {}
    for name, old in list(module.named_parameters(remove_duplicate=False)):
        if id(old) not in bound:
            bound[id(old)] = nn.Parameter(values[name], requires_grad=old.requires_grad)
        _set(module, name, bound[id(old)])
    for name, buffer in list(module.named_buffers(remove_duplicate=False)):
        _set(module, name, bound.setdefault(id(buffer), values.get(name, buffer)))


def write_back(module: nn.Module, values: Mapping[str, Tensor]) -> None:
    """Copy buffers that a module has replaced by new tensors into those it was bound to."""
    for name, buffer in list(module.named_buffers()):
        if name in values and buffer is not values[name]:
            values[name].copy_(buffer.detach())
            _set(module, name, values[name])


def _set(module: nn.Module, name: str, value: Tensor) -> None:
    owner, _, attribute = name.rpartition(".")
    setattr(module.get_submodule(owner), attribute, value)
