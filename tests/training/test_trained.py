"""A trained model asked again gives the run's own answers, to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from dlsweep.config import RunConfig
from dlsweep.data import Dataset, load
from dlsweep.training import TrainedModel, train_stack

BASE = {"dataset": "digits", "epochs": 2, "hidden_size": 12}
CNN = {"model": "cnn", "conv_layers": "4x3x3,6x3x3/2", "num_layers": 1}
STACKS = {
    "feedforward": [{}],
    "no hidden layer": [{"num_layers": 0}],
    "cnn with batch norm": [{**CNN, "batch_norm": True, "dropout": 0.3}],
    "numpy": [{"backend": "numpy"}],
    # Members that stood beside deeper ones with other activations.
    "a stack": [
        {"num_layers": 1, "activation": "tanh", "loss": "mean_squared_error"},
        {"num_layers": 3, "activation": "elu", "seed": 4},
        {"num_layers": 2, "optimizer": "sgd"},
    ],
    "a stack with batch norm": [{"batch_norm": True, "seed": seed} for seed in range(3)],
}


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


def asked(result: Any, data: Dataset) -> TrainedModel:
    return TrainedModel(result.config, result.weights, data.image_shape, data.classes)


@pytest.mark.parametrize("stack", STACKS)
def test_the_answers_are_the_runs(stack: str, digits: Dataset):
    configs = [RunConfig(**{**BASE, **settings}) for settings in STACKS[stack]]
    for result in train_stack(configs, digits):
        model = asked(result, digits)
        for split in ("val", "test"):
            found = model.probabilities(getattr(digits, split).images)
            assert found.dtype == np.float32
            expected = getattr(result, split).probabilities
            # Another library adds in another order.
            tolerance = 0.0 if result.config.backend == "torch" else 1e-6
            np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("settings", [{}, CNN, {"backend": "numpy"}])
def test_features_lead_to_the_answers(settings: dict[str, Any], digits: Dataset):
    [result] = train_stack([RunConfig(**{**BASE, **settings})], digits)
    features = asked(result, digits).features(digits.test.images)
    assert features.shape == (360, 12)
    logits = features @ result.weights["output.weight"].T + result.weights["output.bias"]
    found = torch.softmax(torch.from_numpy(logits), 1).numpy()
    assert found == pytest.approx(result.test.probabilities, abs=1e-5)


def test_no_images_and_wrong_weights(digits: Dataset):
    [result] = train_stack([RunConfig(**{**BASE, "epochs": 1})], digits)
    assert asked(result, digits).probabilities(digits.test.images[:0]).shape == (0, 10)
    shape, classes = digits.image_shape, digits.classes
    with pytest.raises(ValueError, match=r"output\.weight"):
        TrainedModel(result.config, {}, shape, classes)
    with pytest.raises(ValueError, match="more"):
        TrainedModel(result.config, {**result.weights, "more": np.zeros(3)}, shape, classes)
    short = {**result.weights, "output.bias": np.zeros(9, np.float32)}
    with pytest.raises(ValueError, match=r"output\.bias"):
        TrainedModel(result.config, short, shape, classes)
