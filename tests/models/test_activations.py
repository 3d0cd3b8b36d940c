"""Activations written out: their values and gradients are torch's."""

import pytest
import torch
from torch.nn import functional as F

from dlsweep.parts import ACTIVATIONS

IN_PLACE = [name for name, part in ACTIVATIONS.items() if part.keeps == "output"]


def apply_(name, x):
    ACTIVATIONS[name].apply_(x, x)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_and_gradients(name):
    x = torch.linspace(-9, 9, 4001, dtype=torch.float64, requires_grad=True)
    y = getattr(F, name, getattr(torch, name, None))(x) if name != "identity" else x * 1
    upstream = torch.linspace(-1, 1, len(x), dtype=torch.float64)
    (theirs,) = torch.autograd.grad(y, x, upstream)
    part, before, gradient = ACTIVATIONS[name], x.detach().clone(), upstream.clone()
    torch.testing.assert_close(part(before), y.detach(), rtol=1e-12, atol=1e-15)
    ours = before if name in IN_PLACE else torch.empty_like(before)
    part.apply_(before, ours)
    part.backward_(gradient, ours if name in IN_PLACE else before)
    if name not in IN_PLACE:
        assert torch.equal(before, x)
    torch.testing.assert_close(ours, y.detach(), rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(gradient, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("name", "function"), [("tanh", torch.tanh), ("elu", F.elu)])
def test_in_place_is_right_to_its_last_digits(name, function):
    """Of small values too: signals fade in deep networks whose weights are small."""
    small = torch.logspace(-30, 0, 10_001)
    x = torch.cat([torch.linspace(-12, 12, 100_000), small, -small, torch.tensor([-1e9])])
    exact, ours = function(x.double()), x.clone()
    apply_(name, ours)
    error = (ours.double() - exact).abs() / exact.abs()
    assert error.max() < 2 * torch.finfo(torch.float32).eps


@pytest.mark.parametrize("name", ["tanh", "elu"])
def test_in_place_gives_a_value_the_same_wherever_it_stands(name):
    x = torch.linspace(-9, 9, 4001)
    whole = x.clone()
    apply_(name, whole)
    for start in range(0, 300, 7):
        part = x[start : start + 2 * start + 1].clone()
        apply_(name, part)
        assert torch.equal(part, whole[start : start + len(part)])


def test_in_place_of_many_values_however_they_lie():
    x = torch.linspace(-9, 9, 240_000).view(2, 50, 40, 60)
    expected = F.elu(x)
    gaps = torch.zeros(2, 50, 40, 61)
    for given in (x.clone(), x.to(memory_format=torch.channels_last), gaps[..., :60].copy_(x)):
        apply_("elu", given)
        torch.testing.assert_close(given, expected, rtol=1e-6, atol=0)
    assert not gaps[..., 60].any()


@pytest.mark.parametrize("name", ["tanh", "elu"])
def test_in_place_keeps_what_is_no_number(name):
    x = torch.tensor([float("nan"), 1.0])
    apply_(name, x)
    assert x.isnan().tolist() == [True, False]
