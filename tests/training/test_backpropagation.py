"""The written-out gradient is autograd's, for whatever networks stand beside each other."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from dlsweep.models import Dropout, DropoutInBlocks, FeedForward, build
from dlsweep.parts import OPTIMIZERS
from dlsweep.training._losses import loss_of
from dlsweep.training.learners import HandWrittenLearner
from dlsweep.training.learners._backpropagation import Backpropagation
from dlsweep.training.learners._layers import Operations, runs
from dlsweep.training.planning import standing
from tests.training.helpers import digits, small

MIXED = [
    small(num_layers=1, activation="tanh", loss="mean_squared_error"),
    small(num_layers=3, activation="elu"),
    small(num_layers=2, activation="leaky_relu", seed=1),
    small(num_layers=3, activation="relu", loss="mean_squared_error", weight_init="xavier"),
    small(num_layers=3, activation="sigmoid", weight_init="xavier"),
    small(num_layers=2, activation="identity"),
    small(num_layers=3, activation="sigmoid", learning_rate=0.3),
]
STACKS = {
    "mixed": MIXED,
    "one": MIXED[1:2],
    "no hidden layer": [small(num_layers=0), small(num_layers=0, loss="mean_squared_error")],
    "dropout": [
        small(dropout=p, dropout_at="first", activation=a, seed=s)
        for p, a, s in ((0.3, "tanh", 0), (0.5, "relu", 0), (0.9, "elu", 2))
    ],
    "batch norm": [small(batch_norm=True, activation=a) for a in ("relu", "tanh", "sigmoid")],
    "both": [small(batch_norm=True, dropout=0.4, hidden_size=[9, 5], seed=s) for s in (0, 1)],
}


def stacked(configs, dtype):
    """Stacked parameters and buffers of the members' models as they begin, and these models."""
    learner = HandWrittenLearner(configs, digits(dtype=dtype))
    models = [build(c, (1, 8, 8), 10, dtype=dtype).train() for c in configs]
    return learner._stack, learner, models


def expected(model, config, images, labels):
    """Autograd's gradients by name, with the masks of an engine on a CPU."""
    loss = loss_of(config).mean(model(images), labels)
    named = dict(model.named_parameters())
    return dict(zip(named, torch.autograd.grad(loss, list(named.values())), strict=True))


@pytest.mark.parametrize("own", [False, True], ids=["one batch", "a batch each"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("name", STACKS)
def test_gradients_are_those_of_autograd(name, dtype, own):
    configs = [STACKS[name][i] for i in standing(STACKS[name], "cpu")]
    together, learner, models = stacked(configs, dtype)
    generator = torch.Generator().manual_seed(0)
    # Of batches of two, a norm's gradient is a difference of numbers that are nearly equal.
    exact = dtype == torch.float64
    tolerance = {"rtol": 1e-9, "atol": 1e-12} if exact else {"rtol": 1e-4, "atol": 2e-5}
    split = learner.data.train
    for size in (20, 20, 7, 2):
        shape = (len(configs), size) if own else (size,)
        index = torch.randint(0, 96, shape, generator=generator)
        logits = together.step(learner._images, learner._one_hot, index)
        for row, (model, config) in enumerate(zip(models, configs, strict=True)):
            mine = index[row] if own else index
            images, labels = split.images[mine], split.labels[mine]
            before = {n: b.clone() for n, b in model.named_buffers()}
            theirs = expected(model, config, images, labels)
            assert together.gradients[row].keys() == theirs.keys()
            for parameter, gradient in theirs.items():
                ours = together.gradients[row][parameter]
                torch.testing.assert_close(ours, gradient, **tolerance)
            for buffer, value in model.named_buffers():
                torch.testing.assert_close(learner.buffers[buffer][row], value, **tolerance)
            with torch.no_grad():  # once more with the buffers of before: dropout's masks
                for buffer, value in model.named_buffers():
                    now = value.clone()
                    value.copy_(before[buffer])
                    before[buffer] = now
                torch.testing.assert_close(logits[row], model(images), **tolerance)


def test_the_deepest_stand_first_on_a_cpu_and_rules_of_one_kind_together_on_a_gpu():
    rules, depths = ["adam", "sgd", "adam", "sgd"], [1, 3, 2, 3]
    configs = [small(num_layers=d, optimizer=o) for d, o in zip(depths, rules, strict=True)]
    assert standing(configs, "cuda") == [0, 2, 1, 3]
    assert standing(configs, "cpu") == [1, 3, 2, 0]
    configs[1] = dataclasses.replace(configs[1], activation="tanh")
    assert standing(configs, "cpu") == [3, 1, 2, 0]


def test_updates_are_given_memory_as_it_lies(monkeypatch):
    """Torch's fused kernels copy what is not contiguous there and back: twice the time."""
    seen = []

    class Rule(type(OPTIMIZERS[MIXED[0].optimizer])):
        def updater(self, parameters, slots, h):
            seen.extend([parameters, *slots])
            return super().updater(parameters, slots, h)

    monkeypatch.setitem(OPTIMIZERS, MIXED[0].optimizer, Rule())
    learner = HandWrittenLearner(MIXED[:1], digits())
    first = learner._columns.views(learner.theta)["hidden.0.weights.weight"]
    assert not first.is_contiguous()
    assert seen[0][0].data_ptr() == first.data_ptr()
    for tensors in (*seen, *learner._gradients):
        assert all(tensor.is_contiguous() for tensor in tensors)


def test_what_a_member_does_not_have_is_never_updated():
    configs = [dataclasses.replace(c, weight_decay=0.1) for c in MIXED]
    configs = [configs[i] for i in standing(configs, "cpu")]
    learner = HandWrittenLearner(configs, digits())
    before = learner.theta.clone()
    learner.train_epoch(1, np.full(len(configs), 0.01))
    for row, names in enumerate(learner._names):
        for name, now in learner._columns.views(learner.theta).items():
            moved = now[row] != learner._columns.views(before)[name][row]
            assert moved.any() == (name in names)


def test_nothing_but_the_very_class_is_written_out():
    class Residual(FeedForward):
        """Another function of the same parameters."""

    learner = HandWrittenLearner(MIXED[:1], digits())
    model = learner.modules[0]
    parameters = dict(model.named_parameters())
    model.__class__ = Residual
    with pytest.raises(TypeError, match="the gradient of this Residual is not written out"):
        Backpropagation(model, MIXED[:1], parameters, {})
    model.__class__ = FeedForward
    model.hidden[0].norm = torch.nn.LayerNorm(7)
    with pytest.raises(TypeError, match="is not written out"):
        Backpropagation(model, MIXED[:1], parameters, {})


def test_a_mask_is_what_the_layer_multiplies_by():
    x = torch.rand(5, 7, dtype=torch.float64) + 1
    layers = [DropoutInBlocks.of(Dropout(0.4, 123, 2).train()) for _ in range(2)]
    for _ in range(2):
        assert torch.equal(x * layers[0].mask(x), layers[1](x))
    assert layers[0].step == 2


def test_operations_are_done_in_order_as_often_as_they_are_run():
    do, done = Operations(torch.zeros(1)), []
    do.add(done.append, 1)
    do.add(done.append, 2)
    assert not done
    do.run()
    do.run()
    assert done == [1, 2, 1, 2]
    assert do.memory(2, 3).shape == (2, 3)


def test_neighbours_with_equal_keys():
    assert list(runs(["a", "a", "b", "a"])) == [
        ("a", slice(0, 2)),
        ("b", slice(2, 3)),
        ("a", slice(3, 4)),
    ]
    assert list(runs([])) == []


def test_members_that_leave_take_their_layers_along():
    configs = [MIXED[i] for i in standing(MIXED, "cpu")]
    learner = HandWrittenLearner(configs, digits())
    learner.keep([len(configs) - 1])  # the shallowest
    assert isinstance(learner._stack, Backpropagation)
    assert learner._stack.gradients[0].keys() == set(learner._names[0])
    learner.train_epoch(1, np.array([0.01]))


def test_numbers_next_to_nothing_are_zero_while_an_epoch_is_trained(monkeypatch):
    learner, seen = HandWrittenLearner([small()], digits(dtype=torch.float32)), []

    def tiny() -> float:
        return float(torch.tensor(1e-39) * 1)

    step = learner.optimizer.step
    monkeypatch.setattr(
        learner.optimizer, "step", lambda gradients: (seen.append(tiny()), step(gradients))
    )
    learner.train_epoch(1, np.array([0.01]))
    assert set(seen) == {0.0}
    assert tiny() > 0
