"""Masks that are a function of their address, and look like coins all the same."""

import itertools

import numpy as np
import pytest
import torch
from torch.func import functional_call, stack_module_state, vmap

from dlsweep.config.streams import dropout_key
from dlsweep.models import Dropout, DropoutInBlocks

ROWS, UNITS = 64, 512


def masks(p=0.5, seed=0, layer=0, steps=1, shape=(ROWS, UNITS)):
    """Which units are kept, (steps, *shape)."""
    dropout = Dropout(p, dropout_key(seed), layer).train()
    return np.stack([dropout(torch.ones(shape)).numpy() != 0 for _ in range(steps)])


@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.9, 0.999])
def test_rate(p):
    kept = masks(p, steps=10)
    error = 5 * np.sqrt(p * (1 - p) / kept.size)
    assert abs(kept.mean() - (1 - p)) < error


@pytest.mark.parametrize("axis", [0, 1, 2], ids=["step", "row", "unit"])
def test_rate_of_every_step_row_and_unit(axis):
    kept = masks(0.25, steps=40)
    others = tuple(i for i in range(3) if i != axis)
    count = kept.size / kept.shape[axis]
    means = kept.mean(others)
    deviations = (means - 0.75) / np.sqrt(0.25 * 0.75 / count)
    assert np.abs(deviations).max() < 5
    assert 0.8 < deviations.std() < 1.2  # neither too uneven nor too even


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_kept_is_scaled_up_and_the_rest_is_zero(dtype):
    x = torch.rand(ROWS, UNITS, dtype=dtype, generator=torch.Generator().manual_seed(0)) + 1
    dropout = Dropout(0.2, dropout_key(0), 0).to(dtype).train()
    y = dropout(x)
    kept = y != 0
    assert y.dtype == dtype
    assert y.shape == x.shape
    torch.testing.assert_close(y[kept], x[kept] / 0.8, rtol=1e-7, atol=0)
    torch.testing.assert_close(y.mean(), x.mean(), rtol=0.02, atol=0)


def test_nothing_is_dropped_with_a_probability_of_zero():
    assert masks(0.0).all()


def test_gradients_pass_where_values_do():
    x = torch.ones(ROWS, UNITS, requires_grad=True)
    y = Dropout(0.25, dropout_key(0), 0).train()(x)
    y.sum().backward()
    torch.testing.assert_close(x.grad, y.detach())


def test_evaluation_changes_nothing_and_takes_no_step():
    dropout = Dropout(0.5, dropout_key(0), 0)
    x = torch.rand(3, 4)
    assert dropout.eval()(x) is x
    assert dropout.step == 0
    first = dropout.train()(torch.ones(ROWS, UNITS))
    assert dropout.step == 1
    assert torch.equal(first != 0, torch.from_numpy(masks()[0]))


def agreement(a, b):
    """By how many standard deviations the masks agree more (or less) often than coins do."""
    return (np.mean(a == b) - 0.5) * 2 * np.sqrt(a.size)


def test_masks_of_layers_steps_and_seeds_have_nothing_to_do_with_each_other():
    found = {
        (seed, layer, step): mask
        for seed in (0, 1, 2, 12345)
        for layer in range(3)
        for step, mask in enumerate(masks(seed=seed, layer=layer, steps=4))
    }
    scores = [agreement(a, b) for a, b in itertools.combinations(found.values(), 2)]
    assert len(scores) == 48 * 47 / 2
    assert np.abs(scores).max() < 5
    assert 0.9 < np.std(scores) < 1.1


@pytest.mark.parametrize("axis", [0, 1], ids=["rows", "units"])
def test_rows_and_units_have_nothing_to_do_with_each_other(axis):
    lines = np.moveaxis(masks(steps=20, shape=(48, 48)), 1 + axis, 0).reshape(48, -1)
    scores = [agreement(a, b) for a, b in itertools.combinations(lines, 2)]
    assert np.abs(scores).max() < 5
    assert 0.9 < np.std(scores) < 1.1


def test_neighbouring_steps_rows_and_units_shifted_against_each_other():
    kept = masks(steps=30)
    for step, row, unit in itertools.product((0, 1, 2), (0, 1, 2), (0, 1, 2)):
        if (step, row, unit) != (0, 0, 0):
            moved = kept[step:, row:, unit:]
            here = kept[: len(kept) - step, : ROWS - row, : UNITS - unit]
            assert abs(agreement(moved, here)) < 5


def test_every_mask_is_a_new_one():
    rows = masks(steps=200, shape=(16, 64)).reshape(-1, 64)
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_the_same_address_has_the_same_mask():
    np.testing.assert_array_equal(masks(seed=3, layer=1, steps=3), masks(seed=3, layer=1, steps=3))


def test_a_mask_does_not_depend_on_how_many_images_follow():
    np.testing.assert_array_equal(masks()[0, :10], masks(shape=(10, UNITS))[0])


def test_images_are_dropped_pixel_by_pixel():
    flat = masks(shape=(5, 3 * 4 * 6))[0]
    np.testing.assert_array_equal(masks(shape=(5, 3, 4, 6))[0].reshape(5, -1), flat)


def test_what_a_greater_probability_keeps_a_smaller_one_keeps():
    few, many = masks(0.7)[0], masks(0.2)[0]
    assert (few <= many).all()


@pytest.mark.parametrize("step", [0, 7, 2**31, 2**32 + 1])
def test_any_number_of_steps(step):
    dropout = Dropout(0.5, dropout_key(0), 0).train()
    dropout.step.fill_(step)
    kept = dropout(torch.ones(ROWS, UNITS)) != 0
    assert dropout.step == step + 1
    assert abs(kept.double().mean() - 0.5) < 0.02


def test_no_random_state_is_used_or_changed():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = masks()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    np.testing.assert_array_equal(masks(), first)


def test_the_step_is_remembered_by_the_state_and_the_rest_by_the_configuration():
    assert list(Dropout(0.5, 1, 0).state_dict()) == ["step"]


def test_stacked_modules_drop_what_each_drops_alone():
    probabilities, seeds = (0.1, 0.5, 0.8), (3, 0, 3)
    modules = [
        Dropout(p, dropout_key(s), 2).train() for p, s in zip(probabilities, seeds, strict=True)
    ]
    x = torch.rand(3, ROWS, UNITS)
    _, buffers = stack_module_state(modules)
    buffers |= {
        name: torch.stack([getattr(m, name) for m in modules]) for name in ("p", "key", "step")
    }

    def call(buffers, x):
        return functional_call(modules[0], {n: b.clone() for n, b in buffers.items()}, (x,))

    together = vmap(call)(buffers, x)
    for module, ours, own in zip(modules, together, x, strict=True):
        assert torch.equal(module(own), ours)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(5, 1), (70, 33), (9, 3, 5, 4), (2, 40_000), (3, 2, 150, 150)])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.75, 0.99999999])
def test_in_blocks_the_same_units_are_kept(shape, p, dtype):
    x = torch.rand(shape, dtype=dtype, generator=torch.Generator().manual_seed(0)) + 1
    inputs = [x]
    if len(shape) == 4:
        inputs.append(x.contiguous(memory_format=torch.channels_last))
    for given in inputs:
        plain = Dropout(p, dropout_key(7), 3).to(dtype).train()
        blocks = DropoutInBlocks.of(plain)
        for _ in range(2):
            step = plain.step.clone()
            expected = plain(given)
            plain.step.copy_(step)
            leaf = given.clone().requires_grad_()
            found = blocks(leaf)
            assert torch.equal(found != 0, expected != 0)
            torch.testing.assert_close(found.detach(), expected, rtol=3e-7, atol=0)
            assert found.stride() == given.stride()
            (gradient,) = torch.autograd.grad(found.sum(), leaf)
            torch.testing.assert_close(gradient * given, expected, rtol=3e-7, atol=0)
        assert blocks.step is plain.step
        assert blocks.eval()(given) is given
