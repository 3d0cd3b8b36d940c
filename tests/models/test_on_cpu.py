"""The quicker modules of a CPU do what the model's own do."""

import copy

import pytest
import torch

from dlsweep.config import RunConfig
from dlsweep.models import build, quick_on_cpu
from dlsweep.parts import ACTIVATIONS

SHAPE = (1, 8, 8)


def both(**settings):
    network = {"conv_layers": "3x3x3,2x3x3", "num_layers": 1, "hidden_size": 5, "batch_size": 4}
    config = RunConfig(dataset="digits", model="cnn", **network | settings)
    model = build(config, SHAPE, 10, dtype=torch.float64)
    quick = copy.deepcopy(model)
    quick_on_cpu(quick)
    return model, quick


def gradients(model, images):
    """Logits, gradients and buffers after a step in training."""
    logits = model.train()(images)
    weights = torch.linspace(-1, 1, logits.numel(), dtype=logits.dtype).view_as(logits)
    found = torch.autograd.grad((logits * weights).sum(), list(model.parameters()))
    return [logits, *found, *model.buffers()]


@pytest.mark.parametrize("rest", [{}, {"batch_norm": True, "dropout": 0.4, "dropout_at": "all"}])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_values_gradients_and_buffers(activation, layout, rest):
    images = torch.randn(4, *SHAPE, dtype=torch.float64).to(memory_format=layout)
    given = images.clone()
    model, quick = both(activation=activation, conv_activation=activation, **rest)
    for _ in range(2):
        torch.testing.assert_close(gradients(quick, images), gradients(model, images))
    with torch.no_grad():
        torch.testing.assert_close(quick.eval()(images), model.eval()(images))
    assert torch.equal(images, given)


def test_every_module_that_has_a_quicker_one_is_replaced():
    model, quick = both(dropout=0.4)
    replaced = {
        (type(own).__name__, type(other).__name__)
        for own, other in zip(model.modules(), quick.modules(), strict=True)
        if type(own) is not type(other)
    }
    assert replaced == {("Activation", "ActivationInPlace"), ("Dropout", "DropoutInBlocks")}


def test_buffers_are_the_very_same():
    model = both(dropout=0.4)[0]
    before = dict(model.named_buffers())
    quick_on_cpu(model)
    assert dict(model.named_buffers()).keys() == before.keys()
    assert all(buffer is before[name] for name, buffer in model.named_buffers())
