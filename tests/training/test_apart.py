"""Members that are trained one after the other are trained as members of a mapped stack are."""

import dataclasses

import pytest
import torch

from dlsweep.models import build
from dlsweep.training import BACKENDS, Layout, train_stack
from dlsweep.training._apart import Apart, own_member
from dlsweep.training._cpu_learner import _take
from dlsweep.training._gpu_learner import GpuLearner
from dlsweep.training._losses import loss_of
from dlsweep.training._member import Member
from tests.training.helpers import SMALL_CNN, assert_same_bits, assert_same_run, digits, small

RICH = SMALL_CNN | {"batch_norm": True, "dropout": 0.3, "epochs": 2}


def rich(**settings):
    members = (
        {"conv_activation": "elu", "activation": "tanh", "optimizer": "adam"},
        {"conv_activation": "relu", "loss": "mean_squared_error", "dropout": 0.1},
        {"conv_activation": "leaky_relu", "optimizer": "nadam", "weight_decay": 0.01},
    )
    return [small(**RICH | member | settings) for member in members]


@pytest.mark.parametrize("seeds", [(0, 0, 0), (0, 1, 2)], ids=["one order", "three orders"])
def test_apart_and_mapped_are_the_same(monkeypatch, seeds):
    configs = [dataclasses.replace(c, seed=s) for c, s in zip(rich(), seeds, strict=True)]
    apart = train_stack(configs, digits())
    monkeypatch.setitem(BACKENDS, "torch", GpuLearner)
    for result, expected in zip(apart, train_stack(configs, digits()), strict=True):
        assert_same_run(result, expected)


def test_neighbours_and_layout_do_not_change_a_bit():
    data = digits(dtype=torch.float32)
    layout = Layout.of([*rich(), small(**RICH, activation="sigmoid")])
    together = train_stack(rich(), data, compile_for=layout)
    for config, result in zip(rich(), together, strict=True):
        assert_same_bits(result, train_stack([config], data)[0])


def test_the_model_of_a_member_has_nothing_of_the_others():
    config = rich()[1]
    member = own_member(config, (1, 8, 8), 10)
    assert member.losses == (loss_of(config),)
    model = build(config, (1, 8, 8), 10)
    assert member.names == {n for n, _ in (*model.named_parameters(), *model.named_buffers())}
    assert member.changing == Member(model, (loss_of(config),), (1, 8, 8)).changing


def test_buffers_are_those_of_the_moment():
    config = small(dropout=0.5, num_layers=1)
    model = build(config, (1, 8, 8), 10)
    parameters = {name: p.detach().unsqueeze(0) for name, p in model.named_parameters()}
    buffers = {name: b.unsqueeze(0) for name, b in model.named_buffers()}
    member = own_member(config, (1, 8, 8), 10)
    apart = Apart([member], parameters, buffers, torch.zeros(1, dtype=torch.int64))
    images, labels = torch.ones(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64)
    (step,) = (name for name in buffers if name.endswith("step"))
    first = apart.step(images, labels)[0]
    buffers[step].fill_(0)  # as a learner writes what it goes on from
    assert torch.equal(apart.step(images, labels)[0], first)
    assert buffers[step].tolist() == [1]
    assert not torch.equal(apart.step(images, labels)[0], first)


@pytest.mark.parametrize("strides", [(64, 64, 8, 1), (64, 1, 8, 1)])
@pytest.mark.parametrize("index", [torch.tensor([4, 0, 2]), torch.tensor([[4, 0], [2, 2]])])
def test_batches_have_the_layout_of_the_images(strides, index):
    """With one channel both layouts are contiguous, and convolutions choose their way by it."""
    images = torch.rand(5, 1, 8, 8).as_strided((5, 1, 8, 8), strides)
    taken = _take(images, index)
    assert torch.equal(taken, images[index])
    assert taken.stride()[-4:] == strides
    assert torch.equal(_take(images[:, 0, 0, 0].contiguous(), index), images[index][..., 0, 0, 0])
