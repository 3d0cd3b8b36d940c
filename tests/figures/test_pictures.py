"""Pictures of runs and data: what they show stands in their pixels, and nothing stays behind."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import threadpoolctl
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA

from dlsweep.config import RunConfig
from dlsweep.data import Dataset, Split, load
from dlsweep.figures import (
    Example,
    class_counts,
    data_pictures,
    examples_picture,
    feature_maps,
    first_layer,
    model_pictures,
    project,
)
from dlsweep.figures._plots import mosaic
from dlsweep.training import TrainedModel, train_stack

CLASSES = ("circle", "cross")
CNN = {"model": "cnn", "conv_layers": "4x3x3,6x3x3/2", "num_layers": 1, "dropout": 0.2}


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


def trained(digits: Dataset, **settings: Any) -> TrainedModel:
    base = {"dataset": "digits", "epochs": 1, "hidden_size": 6, "projection": "pca"}
    [result] = train_stack([RunConfig(**{**base, **settings})], digits)
    return TrainedModel(result.config, result.weights, digits.image_shape, digits.classes)


def colours(picture: Any) -> set[tuple[int, ...]]:
    return {tuple(int(v) for v in c) for c in np.asarray(picture).reshape(-1, 3)}


GREEN, RED = (26, 127, 55), (207, 34, 46)


@pytest.mark.parametrize(("predicted", "colour", "other"), [(0, GREEN, RED), (1, RED, GREEN)])
def test_an_example_is_shown_with_what_was_said(
    predicted: int, colour: tuple[int, ...], other: tuple[int, ...]
):
    images = np.random.default_rng(0).random((3, 1, 28, 28)).astype(np.float32)
    picture = examples_picture([Example(2, 0, predicted, 0.75)], images, CLASSES)
    assert picture is not None
    pixels = np.asarray(picture)
    shown = pixels[16 + 2 : 16 + 140 : 5, 16 + 2 : 16 + 140 : 5, 0]  # five times its size
    assert (shown == (images[2, 0] * 255).round()).all()
    assert colour in colours(picture)
    assert other not in colours(picture)
    another = examples_picture([Example(2, 0, predicted, 0.5)], images, CLASSES)
    assert (np.asarray(another) != pixels).any()  # the probability is written there


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (4, 1), (5, 2), (16, 4), (50, 7)])
def test_as_many_as_there_are(count: int, rows: int):
    images = np.ones((1, 1, 8, 8), np.float32)
    picture = examples_picture([Example(0, 0, 0, 1.0)] * count, images, CLASSES)
    assert picture is not None
    single = examples_picture([Example(0, 0, 0, 1.0)], images, CLASSES)
    assert single is not None
    assert picture.height == rows * (single.height - 16) + 16


def test_no_examples_no_picture():
    assert examples_picture([], np.zeros((0, 1, 8, 8)), CLASSES) is None


def test_images_in_colour_and_long_names():
    images = np.zeros((1, 3, 8, 8), np.float32)
    images[:, 2] = 1
    names = ("a class with a rather long name: Ångström & <b>", "cross")
    picture = examples_picture([Example(0, 0, 1, 0.999999)], images, names)
    assert picture is not None
    assert (0, 0, 255) in colours(picture)
    assert picture.width > 300


# Layers


def test_a_model_of_ones_own_is_shown_as_far_as_it_can_be(digits: Dataset):
    recurrent = trained(digits, model="tests.training.nets:Recurrent")
    assert first_layer(recurrent) is None  # its one linear map does not look at the image
    assert "features" in model_pictures(recurrent, digits.test)
    branches = trained(digits, model="tests.training.nets:Branches", model_settings={"width": 5})
    kernels = first_layer(branches)
    assert kernels is not None
    assert kernels.shape == (5, 3, 3)
    assert {"first_layer", "features"} <= model_pictures(branches, digits.test).keys()


def test_the_first_layer_is_shown_as_it_looks_at_the_image(digits: Dataset):
    model = trained(digits, num_layers=1)
    weights = model.weights["hidden.0.weights.weight"]
    assert (first_layer(model) == weights.reshape(6, 8, 8)).all()
    kernels = first_layer(trained(digits, **CNN))
    assert kernels.shape == (4, 3, 3)
    assert first_layer(trained(digits, num_layers=0)).shape == (10, 8, 8)


def test_feature_maps_are_what_the_convolutions_make(digits: Dataset):
    model, image = trained(digits, **CNN), digits.test.images[3]
    first, second = feature_maps(model, image)
    assert (first.shape, second.shape) == ((4, 6, 6), (6, 2, 2))
    kernel = model.weights["hidden.0.weights.weight"][1, 0]
    bias = model.weights["hidden.0.weights.bias"][1]
    value = (kernel * image[0, :3, :3].numpy()).sum() + bias
    assert first[1, 0, 0] == pytest.approx(max(value, 0), abs=1e-6)
    assert feature_maps(trained(digits), image) == []


def test_tiles_side_by_side():
    tiles = np.arange(5 * 4).reshape(5, 2, 2).astype(float)
    whole = mosaic(tiles)
    assert whole.shape == (2, 5 * 3 - 1)
    assert (whole[:, 3:5] == tiles[1]).all()
    assert np.isnan(whole[:, 2]).all()
    assert mosaic(np.zeros((64, 3, 3))).shape == (31, 31)


# Two dimensions


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_groups_stay_groups(method: str):
    features, labels = make_blobs(60, 12, centers=3, cluster_std=0.3, random_state=0)
    points = project(features.astype(np.float32), method)
    assert points is not None
    assert points.shape == (60, 2)
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (labels[distance.argmin(1)] == labels).all()
    assert (project(features.astype(np.float32), method) == points).all()


@pytest.mark.parametrize("shape", [(300, 20), (20, 300), (9, 1)], ids=str)
def test_principal_components_are_scikit_learns(shape: tuple[int, int]):
    features = np.random.default_rng(1).random(shape) @ np.diag(np.linspace(3, 1, shape[1]))
    points = project(features, "pca")
    assert points is not None
    expected = PCA(min(2, shape[1]), svd_solver="full").fit_transform(features)
    np.testing.assert_allclose(points[:, : shape[1]], expected, atol=1e-9)
    assert not points[:, shape[1] :].any()


@pytest.mark.parametrize(
    ("method", "of"), [("pca", "numpy.linalg.svd"), ("tsne", "sklearn.manifold.TSNE.fit_transform")]
)
def test_one_thread_beside_others_that_train(method: str, of: str, monkeypatch: pytest.MonkeyPatch):
    threads: list[int] = []

    def counted(*given: Any, **_: Any) -> Any:
        threads.extend(pool["num_threads"] for pool in threadpoolctl.threadpool_info())
        features = given[-1][:, :2]
        return features if method == "tsne" else (features, np.ones(2), np.eye(2))

    monkeypatch.setattr(of, counted)
    with threadpoolctl.threadpool_limits(2):
        project(np.random.default_rng(0).random((9, 3)), method)
        assert max(pool["num_threads"] for pool in threadpoolctl.threadpool_info()) == 2
    assert set(threads) == {1}


@pytest.mark.parametrize("method", ["pca", "tsne"])
@pytest.mark.parametrize(
    "features", [np.zeros((9, 4)), np.arange(8.0)[:, None], np.ones((6, 1))], ids=str
)
def test_features_with_little_in_them(features: np.ndarray, method: str):
    points = project(features, method)
    assert points is not None
    assert points.shape == (len(features), 2)
    assert np.isfinite(points).all()


def test_features_that_no_picture_can_be_made_of():
    assert project(np.zeros((4, 3)), "pca") is None
    assert project(np.full((9, 3), np.nan), "tsne") is None


# All pictures of a model and of the data


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, {"first_layer", "features"}),
        ({"backend": "numpy", "num_layers": 0}, {"first_layer", "features"}),
        (CNN, {"first_layer", "feature_maps", "features"}),
    ],
)
def test_pictures_of_a_model(settings: dict[str, Any], names: set[str], digits: Dataset):
    pictures = model_pictures(trained(digits, **settings), digits.test)
    assert pictures.keys() == names
    for picture in pictures.values():
        assert picture.mode == "RGB"
        assert 300 < picture.width < 1200
        assert len(colours(picture)) > 20


def test_a_model_that_diverged_has_nothing_to_show(digits: Dataset):
    model = trained(digits)
    weights = {name: np.full_like(value, np.nan) for name, value in model.weights.items()}
    broken = TrainedModel(model.config, weights, model.image_shape, model.classes)
    assert model_pictures(broken, digits.test) == {}


def test_pictures_of_a_data_set(digits: Dataset):
    pictures = data_pictures(digits)
    assert list(pictures) == ["class_samples", "class_distribution", "data_pca"]
    again = data_pictures(digits)
    assert all((np.asarray(pictures[k]) == np.asarray(again[k])).all() for k in pictures)
    counts = class_counts(digits)
    assert {split: sum(c) for split, c in counts.items()} == {
        "train": 1293,
        "val": 144,
        "test": 360,
    }
    assert counts["test"] == np.bincount(digits.test.labels.numpy()).tolist()


def test_a_data_set_with_a_class_that_is_missing_and_few_images(digits: Dataset):
    few = Split(digits.train.images[:3], digits.train.labels[:3])
    pictures = data_pictures(Dataset("few", few, few, few, digits.classes))
    assert list(pictures) == ["class_samples", "class_distribution"]


@pytest.mark.process
def test_pyplot_is_never_touched():
    program = """
import sys
import dlsweep.figures, dlsweep.saved
assert not {"matplotlib", "PIL", "sklearn", "safetensors", "wandb"} & set(sys.modules)
from dlsweep.data import load
dlsweep.figures.data_pictures(load("digits"))
assert "matplotlib" in sys.modules
assert not {"matplotlib.pyplot", "sklearn.base"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
