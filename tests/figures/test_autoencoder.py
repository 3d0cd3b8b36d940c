"""Pictures of an autoencoder: originals and reconstructions, the code, the decoder's images."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from dlsweep.config import RunConfig
from dlsweep.data import Dataset, Split, load
from dlsweep.figures import code_scores, model_pictures
from dlsweep.tracking._outcome import conclude
from dlsweep.training import RunResult, TrainedModel, train_stack


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


def trained(data: Dataset, **settings: object) -> RunResult:
    base = {"dataset": "digits", "model": "autoencoder", "hidden_size": 16, "num_layers": 1}
    common = {"epochs": 2, "pretrain_epochs": 1, "learning_rate": 0.01, "projection": "pca"}
    [result] = train_stack([RunConfig(**base | common | settings)], data)
    return result


def model_of(result: RunResult, data: Dataset) -> TrainedModel:
    return TrainedModel(result.config, result.weights, data.image_shape, data.classes)


def test_of_a_code_of_two_numbers(digits: Dataset):
    model = model_of(trained(digits, code_size=2), digits)
    pictures = model_pictures(model, digits.test)
    assert list(pictures) == ["first_layer", "code", "reconstructions", "decoded"]
    shown = np.asarray(pictures["reconstructions"])[..., 0]
    first = [int(np.nonzero(digits.test.labels.numpy() == label)[0][0]) for label in range(10)]
    images = digits.test.images[first]
    made = model.decode(model.code(images))
    zoom, gap = 140 // 8, 16
    column = (shown.shape[1] - gap) // 10
    for i, image in enumerate(images.numpy()):
        left = gap + i * column + zoom // 2
        original = shown[gap + zoom // 2 :: zoom, left::zoom][:8, :8]
        assert (original == (image[0] * 255).round()).all()
    row = (shown.shape[0] - gap) // 2
    below = shown[gap + row + zoom // 2 :: zoom, gap + zoom // 2 :: zoom][:8, :8]
    assert (below == (made[0, 0] * 255).round().clip(0, 255)).all()


def test_of_a_larger_code_and_of_a_hidden_classifier(digits: Dataset):
    linear = model_pictures(model_of(trained(digits, code_size=5), digits), digits.test)
    assert list(linear) == ["first_layer", "code", "reconstructions"]
    result = trained(digits, code_size=5, classifier_size=7)
    hidden = model_pictures(model_of(result, digits), digits.test)
    assert list(hidden) == [*linear, "features"]
    assert model_pictures(
        model_of(trained(digits, model="feedforward"), digits), digits.test
    ).keys() == {
        "first_layer",
        "features",
    }


def test_of_tables_there_are_no_pictures_but_of_the_code(digits: Dataset):
    def flat(split: Split) -> Split:
        return Split(split.images.flatten(2).unsqueeze(2), split.labels)

    table = Dataset(
        "table", flat(digits.train), flat(digits.val), flat(digits.test), digits.classes
    )
    pictures = model_pictures(model_of(trained(table, code_size=2), table), table.test)
    assert list(pictures) == ["first_layer", "code"]


def test_the_silhouette_is_in_the_summary(digits: Dataset):
    result = trained(digits, code_size=4)
    code = model_of(result, digits).code(digits.test.images)
    expected = silhouette_score(code.astype(np.float64), digits.test.labels.numpy())
    summary = conclude(result, digits).summary
    assert summary["silhouette"] == pytest.approx(expected, rel=1e-12)
    assert summary["test_reconstruction"] == result.test.more["reconstruction"]
    assert "silhouette" not in conclude(trained(digits, model="feedforward"), digits).summary


def test_a_code_that_is_not_finite_has_none(digits: Dataset):
    result = trained(digits, optimizer="sgd", learning_rate=1e30)
    assert result.status == "diverged"
    weights = {name: np.full_like(array, np.nan) for name, array in result.weights.items()}
    model = TrainedModel(result.config, weights, digits.image_shape, digits.classes)
    assert code_scores(model, digits.test) == {}
    assert model_pictures(model, digits.test) == {}
