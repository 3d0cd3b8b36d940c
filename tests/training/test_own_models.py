"""Any module: equal to a plain loop, alone and beside others, one by one and as one program."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from dlsweep.config import ConfigError
from dlsweep.config.streams import epoch_order, forward_seed
from dlsweep.models import MODELS, FeedForward, build
from dlsweep.training import Stack, StackState, TrainedModel, plan, train_stack
from dlsweep.training.learners import AutogradLearner
from tests.training.helpers import (
    SMALL_CNN,
    assert_same_bits,
    assert_same_run,
    digits,
    small,
    train,
)

NETS = ("Branches", "Recurrent", "Dropping", "Replacing", "Branching", "Lazy")
NO_PROGRAM = {
    "Dropping": "random",
    "Replacing": "it replaces its buffer seen",
    "Branching": "data-dependent",
}
"""What cannot be mapped over members, and a word of why."""


def own(net: str, **settings):
    return small(model=f"tests.training.nets:{net}", **{"epochs": 2} | settings)


def members(net: str):
    """Two share a seed."""
    return [
        own(net, optimizer="adam", weight_decay=0.01),
        own(net, optimizer="momentum", learning_rate=0.1, epochs=3),
        own(net, optimizer="nadam", seed=3),
    ]


@pytest.mark.parametrize("net", NETS)
def test_as_a_plain_loop(net):
    config, data = own(net, optimizer="sgd", learning_rate=0.1), digits()
    model = build(config, data.image_shape, data.num_classes, torch.float64).train()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for epoch in (1, 2):
        order = torch.from_numpy(epoch_order(config.seed, epoch, len(data.train)))
        for number, index in enumerate(order.split(config.batch_size)):
            torch.manual_seed(forward_seed(config.seed, epoch, number))
            optimizer.zero_grad()
            loss = F.cross_entropy(model(data.train.images[index]), data.train.labels[index])
            loss.backward()
            optimizer.step()
    result = train(config, data)
    assert result.weights.keys() == model.state_dict().keys()
    if result.best_epoch == 2:
        for name, expected in model.state_dict().items():
            np.testing.assert_allclose(result.weights[name], expected, rtol=0, atol=1e-9)
    with torch.no_grad():
        loss = F.cross_entropy(model.eval()(data.val.images), data.val.labels)
    assert result.history[1].val_loss == pytest.approx(float(loss), abs=1e-9)
    assert result.parameters == sum(p.numel() for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("net", NETS)
def test_beside_others_and_after_a_checkpoint_not_a_bit_differs(net):
    data, configs = digits(dtype=torch.float32), members(net)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    stack, results = Stack(configs, data), {}
    for end in stack:
        results.update(end.results)
        if stack.active == [0, 1, 2]:
            state = stack.state()
    assert torch.equal(torch.get_rng_state(), before)
    state = StackState(state.facts, {n: a.copy() for n, a in state.arrays.items()})
    resumed = {i: r for end in Stack(configs, data, state=state) for i, r in end.results.items()}
    torch.manual_seed(6)
    for i, config in enumerate(configs):
        assert_same_bits(results[i], train(config, data))
        assert_same_bits(results[i], resumed[i])


@pytest.mark.parametrize("net", NETS)
def test_as_one_program_or_with_a_line_why_not(net, monkeypatch, caplog):
    configs, data = members(net), digits()
    expected = [train(config, data) for config in configs]
    monkeypatch.setenv("DLSWEEP_TRAIN", "stacked")
    with caplog.at_level("WARNING", "dlsweep.training"):
        results = train_stack(configs, data)
    for result, alone in zip(results, expected, strict=True):
        assert_same_run(result, alone)
    lines = {record.getMessage() for record in caplog.records}
    if net in NO_PROGRAM:
        (line,) = lines
        assert line.startswith(f"{net} is not trained as a stack: ")
        assert NO_PROGRAM[net] in line
    else:
        assert not lines


RICH = {"dropout": 0.3, "batch_norm": True, "epochs": 2}
BUILT_IN = {"feedforward": {"epochs": 2}, "feedforward, rich": RICH, "cnn": SMALL_CNN | RICH}


@pytest.mark.parametrize("seeds", [(0, 0, 0, 0), (0, 1, 2, 0)], ids=["one order", "three orders"])
@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_models_as_one_program(name, seeds, monkeypatch):
    updates = (
        {"optimizer": "adam", "epochs": 3},
        {"optimizer": "sgd", "weight_decay": 0.1},
        {"optimizer": "adam", "learning_rate": 0.1},
        {"optimizer": "sgd", "learning_rate": 1e300},
    )
    configs = [
        small(**BUILT_IN[name] | update, seed=seed)
        for update, seed in zip(updates, seeds, strict=True)
    ]
    expected = train_stack(configs, digits())
    monkeypatch.setenv("DLSWEEP_TRAIN", "stacked")
    for result, alone in zip(train_stack(configs, digits()), expected, strict=True):
        assert_same_run(result, alone)


def test_in_one_program_members_have_one_structure(monkeypatch):
    monkeypatch.setenv("DLSWEEP_TRAIN", "stacked")
    for other in ({"activation": "tanh"}, {"loss": "mean_squared_error"}, {"num_layers": 3}):
        assert plan([small(), small(**other)]) == [[0], [1]]
        with pytest.raises(ValueError, match="cannot share a stack"):
            Stack([small(), small(**other)], digits())
    numbers = {"learning_rate": 0.1, "optimizer": "sgd", "seed": 2, "weight_init": "random"}
    assert plan([small(), small(**numbers)]) == [[0, 1]]


def test_a_way_that_there_is_not(monkeypatch):
    monkeypatch.setenv("DLSWEEP_TRAIN", "graphs")
    with pytest.raises(ValueError, match="DLSWEEP_TRAIN: got 'graphs'; use one of hand_written, "):
        train(small(), digits())


def test_what_cannot_be_compiled_is_trained_uncompiled(monkeypatch, caplog):
    configs = [small(seed=seed) for seed in range(2)]
    expected = train_stack(configs, digits())
    compiled = []

    def no_compiler(program):
        compiled.append(program)
        raise RuntimeError("no compiler\nhere")

    def compile(program):
        return lambda *given: no_compiler(program)

    monkeypatch.setattr(torch, "compile", compile)
    monkeypatch.setenv("DLSWEEP_TRAIN", "compiled")
    for result, alone in zip(train_stack(configs, digits()), expected, strict=True):
        assert_same_run(result, alone)
    assert compiled
    assert "FeedForward is not trained compiled: no compiler" in caplog.text


class Residual(FeedForward):
    """Every hidden layer but the first adds to what reaches it."""

    def features(self, images):
        x = self.hidden[0](images.flatten(1))
        for block in self.hidden[1:]:
            x = x + block(x)
        return x


def test_a_subclass_trains_and_evaluates_its_own_forward(monkeypatch):
    config = small(num_layers=3, epochs=3, activation="tanh")
    plain = train(config, digits())
    monkeypatch.setitem(MODELS, "feedforward", Residual)
    result = train(config, digits())
    model = build(config, (1, 8, 8), 10, torch.float64)
    assert type(model) is Residual
    model.load_state_dict({n: torch.from_numpy(w) for n, w in result.weights.items()})
    with torch.no_grad():
        probabilities = torch.softmax(model(digits().test.images), 1).numpy()
    np.testing.assert_allclose(result.test.probabilities, probabilities, atol=1e-6)
    assert abs(result.history[0].train_loss - plain.history[0].train_loss) > 1e-3
    # The first step is that of plain autograd on this forward.
    first = dataclasses.replace(config, optimizer="sgd", learning_rate=1.0, batch_size=96, epochs=1)
    before = build(first, (1, 8, 8), 10, torch.float64)
    loss = F.cross_entropy(before(digits().train.images), digits().train.labels)
    gradients = torch.autograd.grad(loss, list(before.parameters()))
    after = train(first, digits()).weights
    for (name, value), gradient in zip(before.named_parameters(), gradients, strict=True):
        np.testing.assert_allclose(after[name], (value - gradient).detach(), atol=1e-12)


def test_all_parameters_depend_on_the_seed_and_on_nothing_else():
    data = digits(dtype=torch.float32)
    weights = []
    for seed in (0, 1, 0):
        torch.manual_seed(len(weights))
        config = own("Recurrent", seed=seed, learning_rate=0.0)
        weights.append(train(config, data).weights)
    for name, value in weights[0].items():
        assert np.array_equal(value, weights[2][name])
        if "norm" not in name:
            assert not np.array_equal(value, weights[1][name])


@pytest.mark.parametrize("net", NETS)
def test_a_trained_model_answers_as_the_run_did(net):
    data = digits(dtype=torch.float32)
    result = train(own(net), data)
    model = TrainedModel(result.config, result.weights, data.image_shape, data.classes)
    np.testing.assert_array_equal(model.probabilities(data.test.images), result.test.probabilities)
    assert len(model.features(data.test.images)) == len(data.test)


def test_a_setting_of_the_model_is_part_of_what_a_stack_has_in_common():
    def branches(width):
        return own("Branches", model_settings={"width": width})

    assert plan([branches(4), branches(5)]) == [[0], [1]]
    with pytest.raises(ValueError, match="cannot share a stack"):
        Stack([branches(4), branches(5)], digits())
    assert train(branches(5), digits()).weights["head.weight"].shape == (10, 10)


@pytest.mark.parametrize(
    ("net", "line"),
    [
        ("no_module", "is not a torch.nn.Module but a str"),
        ("WrongShape", "gives values of shape (2, 1) for 2 images; it must give logits, (2, 10)"),
        ("Breaking", "cannot be made: RuntimeError: no such layer"),
    ],
)
def test_what_is_no_model_is_refused_in_one_line(net, line):
    with pytest.raises(ConfigError) as refused:
        train(own(net), digits())
    assert list(refused.value.problems) == [f"model: tests.training.nets:{net} {line}"]


def test_an_initialisation_is_refused_where_a_layer_has_none():
    assert train(own("Dropping", weight_init="he", epochs=1), digits()).status == "finished"
    with pytest.raises(ConfigError, match="weight_init: he is not defined for Recurrent of"):
        train(own("Recurrent", weight_init="he"), digits())


def test_a_batch_of_one_image_has_no_statistics():
    result = train(own("Branches", batch_size=19, epochs=1), digits())  # 96 = 5 · 19 + 1
    assert int(result.weights["wide.1.num_batches_tracked"]) == 5


def test_memory_of_gradients_is_not_shared():
    """Of a sum autograd gives both terms one gradient, which an update may overwrite."""
    learner = AutogradLearner([own("Branches")], digits())
    learner.train_epoch(1, np.array([0.01]))
    into = dict(zip(learner._columns.shapes, learner._into[0], strict=True))
    assert into["one"].data_ptr() != into["other"].data_ptr()
    assert torch.equal(into["one"], into["other"])
