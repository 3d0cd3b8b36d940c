"""Outcomes: computed in one process, recorded in another."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import dlsweep
from dlsweep.config import RunConfig
from dlsweep.data import Dataset
from dlsweep.figures import analyse_run
from dlsweep.tracking import Outcome, conclude
from dlsweep.training import RunResult, train_stack

TINY = {"dataset": "digits", "epochs": 1, "hidden_size": 8, "projection": "pca"}


def trained(data: Dataset, **settings: object) -> RunResult:
    [result] = train_stack([RunConfig(**TINY | settings)], data)
    return result


def sent(outcome: Outcome) -> Outcome:
    """The outcome as it comes out of a pipe."""
    received: Outcome = pickle.loads(pickle.dumps(outcome))
    return received


def test_numbers_alone(digits: Dataset):
    result = trained(digits, figures="none")
    outcome = sent(conclude(result, digits))
    assert (outcome.status, dict(outcome.summary)) == ("finished", result.summary())
    assert (outcome.analysis, outcome.pictures, outcome.model) == (None, {}, None)
    assert len(pickle.dumps(outcome)) < 1000


def test_the_summary_with_its_figures(digits: Dataset):
    result = trained(digits)
    outcome = sent(conclude(result, digits))
    layers = outcome.summary["layers"]
    expected = result.summary() | analyse_run(result).summary()
    assert outcome.summary == expected | {"layers": layers}
    assert sum(count for *_, count in layers) == result.parameters
    assert layers[-1] == ["output", "linear", [10], layers[-1][-1]]
    assert outcome.classes == digits.classes
    assert outcome.analysis is not None
    assert (outcome.analysis.test.confusion == result.test.confusion()).all()
    assert outcome.pictures.keys() == {"test_right", "test_wrong"}
    json.dumps(dict(outcome.summary))
    # Neither the probabilities of the images nor the weights: these stay where the run was trained.
    assert len(pickle.dumps(outcome)) < 100_000


@pytest.mark.parametrize(
    ("settings", "more"),
    [({}, set()), ({"model": "cnn", "conv_layers": "4x3x3", "num_layers": 1}, {"feature_maps"})],
)
def test_every_picture_is_a_file(digits: Dataset, settings: dict[str, object], more: set[str]):
    outcome = sent(conclude(trained(digits, figures="full", **settings), digits))
    of_the_model = {"first_layer", "features"}
    assert outcome.pictures.keys() == {"test_right", "test_wrong"} | of_the_model | more
    for picture in outcome.pictures.values():
        image = Image.open(io.BytesIO(picture.png))
        assert image.format == "PNG"
        assert np.asarray(image).std() > 0
    captions = {name for name, picture in outcome.pictures.items() if picture.caption}
    assert captions == {"test_right", "test_wrong"}


def test_the_model_travels_with_it(digits: Dataset, tmp_path: Path):
    result = trained(digits, figures="none", save_model=True)
    outcome = sent(conclude(result, digits))
    assert outcome.model is not None
    (tmp_path / "model").write_bytes(outcome.model)
    answers = dlsweep.load(tmp_path / "model").predict(digits.test.images)
    assert (answers == result.test.probabilities).all()


def test_without_a_best_epoch_there_is_no_model(digits: Dataset):
    result = trained(digits, save_model=True, optimizer="sgd", learning_rate=1e30, weight_decay=0.5)
    assert (result.status, result.best_epoch) == ("diverged", 0)
    assert conclude(result, digits).model is None
