"""What the models of a stack have in common, so that one program trains many different ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import nn

from dlsweep.config import RunConfig
from dlsweep.parts import BACKENDS


@dataclass(frozen=True)
class Layout:
    """The shape that models are brought to. It changes no result, only what can be shared.

    Attributes:
        depth: hidden layers; models that ``can_be_deepened`` get identity layers up to it.
        activations: those that the fully connected layers can be switched between.
        conv_activations: those that the convolutions can be switched between.
        losses: those that members can be switched between.
    """

    depth: int
    activations: tuple[str, ...]
    conv_activations: tuple[str, ...]
    losses: tuple[str, ...]

    @classmethod
    def of(cls, configs: Iterable[RunConfig]) -> Layout:
        """The smallest layout that serves all of these configurations."""
        configs = list(configs)
        depths = {config.num_layers for config in configs if can_be_deepened(config)}
        activations = {config.activation for config in configs}
        if len(depths) > 1:
            activations.add("identity")
        return cls(
            depth=max(depths, default=0),
            activations=tuple(sorted(activations)),
            conv_activations=tuple(sorted({c.conv_activation or c.activation for c in configs})),
            losses=tuple(sorted({config.loss for config in configs})),
        )


def can_be_deepened(config: RunConfig) -> bool:
    """Whether the model stays the same function with identity layers after its hidden layers.

    It takes a hidden layer whose width the new ones can have, and nothing between the layers that
    would change what passes through.
    """
    return (
        BACKENDS[config.backend].stacks
        and config.model == "feedforward"
        and len(set(config.hidden_sizes)) == 1
        and not config.batch_norm
        and config.dropout == 0
    )


def standing(configs: Sequence[RunConfig], device: str) -> list[int]:
    """In which order the members of a stack stand in it, by their places in ``configs``.

    What neighbours have in common is one operation. On a CPU the deepest are the first, so that a
    layer is computed for those who have it, and among these follow each other those who have one
    activation, and one loss. On a GPU it is the kind of the update rule.
    """

    def key(i: int) -> tuple[int, str, str, int]:
        config = configs[i]
        if device == "cpu":
            return -config.num_layers, config.activation, config.loss, i
        return 0, config.optimizer, "", i

    return sorted(range(len(configs)), key=key)


def ordered_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """A model's parameters by name, in the order of a stack's columns.

    The hidden layers that shallower members lack come last: what these have are the first columns.
    """
    named = dict(model.named_parameters())
    last = [n for n in named if n.startswith("hidden.") and not n.startswith("hidden.0.")]
    return {name: named[name] for name in (*(n for n in named if n not in last), *last)}
