"""How much memory a stack takes, known before it is made."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import vmap

from dlsweep.config import RunConfig
from dlsweep.data import DataFacts, describe
from dlsweep.models import MODELS, FeedForward, deepen, model_spec
from dlsweep.parts import BACKENDS, OPTIMIZERS
from dlsweep.training._apart import own_member
from dlsweep.training._backpropagation import Backpropagation
from dlsweep.training._evaluation import EVALUATION_BYTES
from dlsweep.training._layout import Layout, can_be_deepened
from dlsweep.training._member import Member, widest_layer
from dlsweep.training._peak import peak_memory


@dataclass(frozen=True)
class StackMemory:
    """The memory of a stack in bytes, term by term.

    Attributes:
        parameters: of all members.
        best: the copies of their best weights and buffers.
        slots: what the update rules remember.
        buffers: running statistics, counters, and what members differ in.
        gradients: of all members.
        training: what a step takes beside that, at its peak: activations, and the gradients before
            they are gathered.
        captured: what the steps of CUDA graphs have for themselves, whatever else is done.
        orders: in which members visit the images, where each has its own.
        evaluation: what evaluating takes, at its peak: activations, losses and logits.
        results: the best weights of members as they leave, where they are on its device.
        data: the data set: once for each device, whatever is trained on it.
    """

    parameters: int
    best: int
    slots: int
    buffers: int
    gradients: int
    training: int
    captured: int
    orders: int
    evaluation: int
    results: int
    data: int

    @property
    def stack(self) -> int:
        """The peak without the data set."""
        held = self.parameters + self.best + self.slots + self.buffers + self.gradients
        held += self.captured + self.orders
        return held + max(self.training, self.evaluation + self.results)

    @property
    def total(self) -> int:
        """The peak with the data set."""
        return self.stack + self.data


def stack_memory(
    configs: Sequence[RunConfig],
    *,
    layout: Layout | None = None,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> StackMemory:
    """Predict the memory of a stack of runs.

    What a step and an evaluation take is read off the engine's own functions, run on tensors that
    have a shape and no values. What libraries and compiled programs keep for themselves is left
    out.

    Args:
        configs: the members: of the torch backend, all with the same ``stack_key``.
        layout: the layout that the stack is compiled for; by default the smallest.
        device: cpu or cuda.
        dtype: of parameters and images.
    """
    return _predict(
        configs[0],
        len(configs),
        slots=_slots(configs, device),
        own_batches=len({config.seed for config in configs}) > 1,
        layout=layout or Layout.of(configs),
        device=device,
        dtype=dtype,
    )


def _slots(configs: Sequence[RunConfig], device: str) -> int:
    """How many numbers are remembered of each parameter, by the rule that remembers most.

    On a CPU, RMSprop works with another (see ``FusedUpdate``).
    """
    most = max(OPTIMIZERS[config.optimizer].slots for config in configs)
    return most + (device == "cpu" and any(c.optimizer == "rmsprop" for c in configs))


def members_that_fit(
    configs: Sequence[RunConfig], most: int, limit: int, *, layout: Layout, device: str = "cpu"
) -> int:
    """How many of these runs, which may share a stack, may do so within a limit; at least one.

    Args:
        configs: the runs.
        most: no more than so many.
        limit: bytes for a stack and its data set.
        layout: the layout that the stack is compiled for.
        device: cpu or cuda.
    """
    if not BACKENDS[configs[0].backend].stacks:
        return 1
    slots = _slots(configs, device)
    own_batches = len({config.seed for config in configs}) > 1

    def fits(count: int) -> bool:
        prediction = _predict(
            configs[0],
            count,
            slots=slots,
            own_batches=own_batches,
            layout=layout,
            device=device,
            dtype=torch.float32,
        )
        return prediction.total <= limit

    most = min(most, len(configs))
    if device != "cpu":
        most = min(most, countable(configs[0], layout))
    elif _at_most(configs[0], most, layout, device) <= limit:
        return most
    if fits(most):
        return most
    low, high = 1, most  # so many are tried in any case; so many are too many
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _predict(
    config: RunConfig,
    count: int,
    *,
    slots: int,
    own_batches: bool,
    layout: Layout,
    device: str,
    dtype: torch.dtype,
) -> StackMemory:
    choice, size = describe(config), dtype.itemsize
    model = _model(config, choice, layout, dtype)
    member = Member(model, layout.losses, choice.image_shape)
    # On a CPU, members are evaluated one after the other, each by a model of its own; and some
    # are trained so.
    alone = own_member(config, choice.image_shape, len(choice.classes))
    together = device == "cpu" and isinstance(model, FeedForward)
    train, val = _images(config, choice)
    batch, largest = min(config.batch_size, train), max(val, sum(choice.test))
    widest = count * widest_layer(model, choice.image_shape) * size  # of one image
    parameters = count * sum(p.numel() for p in model.parameters()) * size
    buffers = count * sum(b.numel() * b.element_size() for b in model.buffers())

    def empty(*shape: int, of: torch.dtype = dtype) -> Tensor:
        return torch.empty(*shape, dtype=of, device="meta")

    def images(*lead: int) -> tuple[Tensor, Tensor]:
        return empty(*lead, *choice.image_shape), empty(*lead, of=torch.int64)

    leaves = {name: empty(count, *p.shape).requires_grad_() for name, p in model.named_parameters()}
    state = {name: empty(count, *b.shape, of=b.dtype) for name, b in model.named_buffers()}
    chosen = empty(count, of=torch.int64)

    def step() -> object:
        own = 0 if own_batches else None
        x, y = images(count, batch) if own_batches else images(batch)
        if device != "cpu" and count > 1:
            losses, after = vmap(member.train, (0, 0, own, own, 0))(leaves, state, x, y, chosen)
            return after, torch.autograd.grad(losses.sum(), list(leaves.values()))
        if own_batches:
            x, y = x[0], y[0]
        first = {name: leaf[0].detach().requires_grad_() for name, leaf in leaves.items()}
        buffers = {name: value[0] for name, value in state.items()}
        own_model = alone if device == "cpu" else member
        loss, after = own_model.train(first, buffers, x, y, chosen[0])
        return after, torch.autograd.grad(loss, list(first.values()))

    def steps_together() -> object:
        """What the steps of an epoch are done in, with the logits of all its batches."""
        assert isinstance(model, FeedForward)
        deepest = config
        if can_be_deepened(config):
            size = config.hidden_sizes[0]
            deepest = dataclasses.replace(config, num_layers=len(model.hidden), hidden_size=size)
        configs = [deepest] * count
        parameters = {name: leaf.detach() for name, leaf in leaves.items()}
        work = Backpropagation(model, configs, parameters, state)
        for size in {batch, train % batch} - {0}:
            lead = (count, size) if own_batches else (size,)
            work.prepare(torch.Size(lead), math.prod(choice.image_shape), len(choice.classes))
        return work, empty(count, train, len(choice.classes))

    def evaluate() -> object:
        most = EVALUATION_BYTES[device]
        if device == "cpu":
            part = images(max(1, min(largest, count * most // widest)))
            parameters = {name: leaf[0] for name, leaf in leaves.items() if name in alone.names}
            own = {name: value[0] for name, value in state.items() if name in alone.names}
            with torch.no_grad():
                return alone.evaluate(parameters, own, *part, chosen[0])
        part = images(max(1, min(largest, most // widest)))
        with torch.no_grad():
            over = vmap(member.evaluate, (0, 0, None, None, 0))
            return over(leaves, state, *part, chosen)

    # On a GPU, rules work on whole matrices, while the gradients' parts are still there.
    updating = 0 if device == "cpu" else 3 * parameters
    answers = count * val * (len(choice.classes) + 1) * size
    # A GPU brings them to the host part by part, those of best weights from copies of these.
    evaluated = 2 * answers if device == "cpu" else parameters
    if together:
        training = peak_memory(steps_together) - parameters  # the gradients
    else:
        training = max(peak_memory(step, copies=device == "cpu"), updating)
    pixels = math.prod(choice.image_shape)
    return StackMemory(
        parameters=parameters,
        best=parameters + buffers,
        slots=parameters * slots,
        buffers=buffers,
        gradients=parameters,
        training=training,
        captured=0 if device == "cpu" else training,
        orders=2 * 8 * count * train if own_batches and device != "cpu" else 0,
        evaluation=peak_memory(evaluate) + evaluated,
        results=parameters if device == "cpu" else 0,
        data=(train + val + sum(choice.test)) * (pixels * size + 8),
    )


def _model(config: RunConfig, choice: DataFacts, layout: Layout, dtype: torch.dtype) -> nn.Module:
    """The model that a stack is made from, without values: it may not fit into memory."""
    among, conv_among = layout.activations, layout.conv_activations
    spec = model_spec(config, choice.image_shape, len(choice.classes), among, conv_among)
    with torch.device("meta"):
        model = MODELS[config.model](spec).to(dtype)
        if can_be_deepened(config):
            assert isinstance(model, FeedForward)
            deepen(model, layout.depth)
    return model


def _images(config: RunConfig, facts: DataFacts) -> tuple[int, int]:
    """How many images are trained and validated on."""
    train, val, _ = facts.sizes(config.val_fraction, config.train_size)
    return train, val


def _at_most(config: RunConfig, count: int, layout: Layout, device: str) -> int:
    """More than a stack can take, for little time: most stacks are small beside what is free."""
    choice = describe(config)
    shape = choice.image_shape
    parameters = values = 0
    if config.model == "cnn":
        for layer in config.conv_layers:
            parameters += layer.weights(shape[0])
            shape = layer.output_shape(shape)
            parameters += 4 * shape[0]
            values += math.prod(shape)
    inputs = math.prod(shape)
    sizes = config.hidden_sizes
    if can_be_deepened(config):
        sizes += sizes[-1:] * (layout.depth - len(sizes))
    for size in (*sizes, len(choice.classes)):
        parameters += size * (inputs + 4)
        values += size
        inputs = size
    train, val = _images(config, choice)
    kinds = len(layout.activations) + len(layout.conv_activations) + len(layout.losses)
    pixels, largest = math.prod(choice.image_shape), max(val, sum(choice.test))
    held = pixels + (20 + 3 * kinds) * values
    active = 1 if config.model == "cnn" else count
    batch = min(config.batch_size, train)
    training = 4 * (count * (9 * parameters + batch * pixels) + active * batch * held)
    evaluated = min(EVALUATION_BYTES[device], 4 * count * values * largest)
    answers = 8 * (count * val * (len(choice.classes) + 1) + pixels * largest)
    data = (train + largest + largest) * (4 * pixels + 8)
    return training + (10 + 3 * kinds) * evaluated + answers + data


def countable(config: RunConfig, layout: Layout) -> int:
    """How many members have so few numbers that a GPU's programs can count them, in 31 bits."""
    choice = describe(config)
    model = _model(config, choice, layout, torch.float32)
    batch = min(config.batch_size, _images(config, choice)[0])
    numbers = sum(p.numel() for p in model.parameters())
    widest = max(widest_layer(model, choice.image_shape), math.prod(choice.image_shape))
    return max(1, (2**31 - 1) // max(numbers, batch * widest))
