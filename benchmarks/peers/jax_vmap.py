"""The JAX way: nets of one shape mapped with vmap, an epoch as one jitted scan, optax's updates.

What decides the program (layers, batch size, activation, update rule, epochs) parts the points into
groups; within a group, learning rate, weight decay and initial weights are mapped over. Batches are
shared, an incomplete last one is left out, and the program is compiled once for each group.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Hashable, Sequence
from typing import Any

from dlsweep.config import RunConfig
from dlsweep.data import Dataset


def group_key(config: RunConfig) -> Hashable:
    """What must be equal for points to share a program."""
    return (
        config.hidden_sizes,
        config.batch_size,
        config.activation,
        config.optimizer,
        config.epochs,
    )


def jax_vmap(configs: Sequence[RunConfig], data: Dataset, epochs: int) -> tuple[float, list[float]]:
    """Train points of one group together.

    Returns:
        Seconds of tracing and compiling, and of each epoch with its validation.
    """
    import jax
    import jax.numpy as jnp
    import optax

    config = configs[0]
    splits = [
        (jnp.asarray(split.images.flatten(1).numpy()), jnp.asarray(split.labels.numpy()))
        for split in (data.train, data.val)
    ]
    sizes = [splits[0][0].shape[1], *config.hidden_sizes, data.num_classes]
    activate = {
        "sigmoid": jax.nn.sigmoid,
        "tanh": jnp.tanh,
        "relu": jax.nn.relu,
        "identity": lambda x: x,
    }[config.activation]
    batch = config.batch_size
    steps = len(data.train) // batch

    def init(key: Any, scheme: Any) -> Any:
        """Weights of one net; ``scheme`` 1 is Glorot's, 0 normal with deviation 0.05."""
        net = []
        for fan_in, fan_out in itertools.pairwise(sizes):
            key, own = jax.random.split(key)
            limit = (6 / (fan_in + fan_out)) ** 0.5
            glorot = jax.random.uniform(own, (fan_in, fan_out), minval=-limit, maxval=limit)
            normal = jax.random.normal(own, (fan_in, fan_out)) * 0.05
            net.append((jnp.where(scheme, glorot, normal), jnp.zeros(fan_out)))
        return net

    def logits(net: Any, x: Any) -> Any:
        for weights, bias in net[:-1]:
            x = activate(x @ weights + bias)
        weights, bias = net[-1]
        return x @ weights + bias

    def loss(net: Any, x: Any, y: Any) -> Any:
        return optax.softmax_cross_entropy_with_integer_labels(logits(net, x), y).mean()

    def rule(rate: Any, decay: Any) -> Any:
        update = {
            "sgd": lambda: optax.sgd(rate),
            "momentum": lambda: optax.sgd(rate, momentum=config.momentum),
            "nesterov": lambda: optax.sgd(rate, momentum=config.momentum, nesterov=True),
            "rmsprop": lambda: optax.rmsprop(rate, decay=config.beta),
            "adam": lambda: optax.adam(rate),
            "nadam": lambda: optax.nadam(rate),
        }[config.optimizer]()
        return optax.chain(optax.add_decayed_weights(decay), update)

    def step(net: Any, state: Any, rate: Any, decay: Any, x: Any, y: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(net, x, y)
        updates, state = rule(rate, decay).update(gradient, state, net)
        return optax.apply_updates(net, updates), state, value

    def epoch(nets: Any, states: Any, rates: Any, decays: Any, key: Any, splits: Any) -> Any:
        (images, labels), (val_images, val_labels) = splits  # arguments: no constants to be folded
        order = jax.random.permutation(key, len(labels))[: steps * batch].reshape(steps, batch)

        def body(carry: Any, index: Any) -> Any:
            nets, states = carry
            nets, states, values = jax.vmap(step, (0, 0, 0, 0, None, None))(
                nets, states, rates, decays, images[index], labels[index]
            )
            return (nets, states), values

        (nets, states), values = jax.lax.scan(body, (nets, states), order)
        answers = jax.vmap(logits, (0, None))(nets, val_images).argmax(2)
        return nets, states, values.mean(0), (answers == val_labels).mean(1)

    rates = jnp.array([c.learning_rate for c in configs])
    decays = jnp.array([c.weight_decay for c in configs])
    schemes = jnp.array([c.weight_init == "xavier" for c in configs])
    keys = jax.vmap(jax.random.key)(jnp.array([c.seed for c in configs]))
    began = time.perf_counter()
    nets = jax.jit(jax.vmap(init))(keys, schemes)
    states = jax.jit(jax.vmap(lambda net, r, d: rule(r, d).init(net)))(nets, rates, decays)
    shuffle = jax.random.key(0)
    program = jax.jit(epoch).lower(nets, states, rates, decays, shuffle, splits).compile()
    compiling = time.perf_counter() - began
    seconds = []
    for number in range(epochs):
        began = time.perf_counter()
        nets, states, losses, accuracies = program(
            nets, states, rates, decays, jax.random.fold_in(shuffle, number), splits
        )
        losses.block_until_ready()
        accuracies.block_until_ready()
        seconds.append(time.perf_counter() - began)
    return compiling, seconds
