"""Augmented training images: a run's own, and those that a loop by hand makes."""

import dataclasses

import pytest
import torch

from dlsweep.config.streams import augmentation_stream, epoch_order
from dlsweep.data import Dataset, Split
from dlsweep.parts import AUGMENTATIONS
from dlsweep.training import Stack, train_stack
from tests.training.helpers import SMALL_CNN, assert_same_bits, assert_same_run, digits, small

NETWORKS = {"feedforward": {}, "cnn": SMALL_CNN, "dropout": {"dropout": 0.2}}


@pytest.fixture(params=NETWORKS)
def network(request):
    return NETWORKS[request.param] | {"epochs": 2}


def test_a_run_is_the_same_alone_and_beside_others(network):
    configs = [
        small(**network, augment=augment, seed=seed)
        for augment, seed in (("shift1", 0), ("flip,shift2", 0), (None, 0), ("shift1", 1))
    ]
    for config, result in zip(configs, train_stack(configs, digits()), strict=True):
        (alone,) = train_stack([config], digits())
        assert_same_run(result, alone)


def test_members_that_see_the_same_share_their_batches(network):
    configs = [small(**network, augment="shift1", learning_rate=rate) for rate in (0.01, 0.02)]
    data = digits(dtype=torch.float32)
    for config, result in zip(configs, train_stack(configs, data), strict=True):
        assert_same_bits(result, train_stack([config], data)[0])


def test_it_is_training_on_images_that_were_changed_before(network):
    """One epoch: on images that stand in their order, changed as is drawn for their places."""
    config = small(**network | {"epochs": 1}, augment="flip,shift2", seed=3)
    data = digits()
    count = len(data.train)
    order = torch.from_numpy(epoch_order(3, 1, count))
    images, rng = data.train.images[order], augmentation_stream(3, 1)
    for name, amount in (("flip", 0), ("shift", 2)):
        part = AUGMENTATIONS[name]
        images = part.apply(images, torch.from_numpy(part.draw(rng, count, amount)), amount)
    changed = torch.empty_like(data.train.images)
    changed[order] = images
    train = Split(changed, data.train.labels)
    by_hand = dataclasses.replace(data, train=train)
    plain = dataclasses.replace(config, augment=None)
    (result,), (expected,) = train_stack([config], data), train_stack([plain], by_hand)
    assert_same_run(dataclasses.replace(result, config=plain), expected)
    (other,) = train_stack([plain], data)
    assert other.history[0].train_loss != pytest.approx(expected.history[0].train_loss, rel=1e-6)


def test_each_epoch_draws_anew():
    rng = [augmentation_stream(0, epoch) for epoch in (1, 2)]
    first, second = (AUGMENTATIONS["shift"].draw(stream, 50, 2) for stream in rng)
    assert (first != second).any()


def test_a_resumed_run_goes_on_as_if_it_had_never_stopped(network):
    config, data = small(**network | {"epochs": 4}, augment="shift1"), digits()
    (undisturbed,) = train_stack([config], data)
    stack = Stack([config], data)
    for end in stack:
        if next(iter(end.metrics.values())).epoch == 2:
            state = stack.state()
            break
    (end,) = list(Stack([config], data, state=state))[-1:]
    assert_same_bits(end.results[0], undisturbed)
    assert isinstance(data, Dataset)
