"""Losses of every sample are PyTorch's."""

import pytest
import torch
from torch import nn

from dlsweep.config import RunConfig
from dlsweep.training._losses import loss_of

LOSSES = {
    "cross_entropy": loss_of(RunConfig(loss="cross_entropy")),
    "smoothed": loss_of(RunConfig(loss="cross_entropy", label_smoothing=0.3)),
    "mean_squared_error": loss_of(RunConfig(loss="mean_squared_error")),
}


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_means_are_torchs_losses(scale):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20, 5, dtype=torch.float64, generator=generator) * scale
    labels = torch.arange(20) % 5
    one_hot = nn.functional.one_hot(labels, 5).double()
    expected = {
        "cross_entropy": nn.CrossEntropyLoss()(logits, labels),
        "smoothed": nn.CrossEntropyLoss(label_smoothing=0.3)(logits, labels),
        "mean_squared_error": nn.MSELoss()(torch.softmax(logits, 1), one_hot),
    }
    for name, loss in LOSSES.items():
        samples = loss(logits, labels)
        assert samples.shape == (20,)
        torch.testing.assert_close(samples.mean(), expected[name], rtol=1e-14, atol=0)
        torch.testing.assert_close(loss.mean(logits, labels), expected[name], rtol=1e-14, atol=0)
        # A sample's loss is its own: the others do not change it.
        torch.testing.assert_close(loss(logits[3:4], labels[3:4]), samples[3:4])


@pytest.mark.parametrize("name", LOSSES)
def test_gradients(name):
    logits = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    labels = torch.tensor([0, 2, 1, 2])
    assert torch.autograd.gradcheck(lambda z: LOSSES[name](z, labels), (logits.requires_grad_(),))


@pytest.mark.parametrize("own", [False, True], ids=["one batch", "a batch each"])
@pytest.mark.parametrize("scale", [1.0, 30.0, 1e4])
@pytest.mark.parametrize("name", LOSSES)
def test_the_written_out_gradient_is_autograds(name, scale, own):
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(3, 6, 4, dtype=torch.float64, generator=generator) * scale
    logits.requires_grad_()
    labels = torch.randint(4, (3, 6) if own else (6,), generator=generator)
    means = [LOSSES[name](z, y).mean() for z, y in zip(logits, labels.expand(3, 6), strict=True)]
    (theirs,) = torch.autograd.grad(sum(means), logits)
    ours = torch.empty(3, 4, 6, dtype=torch.float64)
    one_hot = nn.functional.one_hot(labels, 4).double()
    LOSSES[name].gradient(logits.detach().mT.contiguous(), one_hot.mT, ours)
    torch.testing.assert_close(ours.mT, theirs, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("name", LOSSES)
def test_large_logits_do_not_overflow(name):
    logits = torch.tensor([[1e4, -1e4, 0.0], [-1e30, 0.0, 1.0]], requires_grad=True)
    losses = LOSSES[name](logits, torch.tensor([0, 2]))
    losses.sum().backward()
    assert losses.isfinite().all()
    assert logits.grad.isfinite().all()
