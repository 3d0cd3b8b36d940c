"""Models in files: kept, found, asked, refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

import dlsweep
from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import Dataset, load
from dlsweep.saved import FILE_NAME, Model, encode_model, load_model, save_model
from dlsweep.training import RunResult, train_stack

SETTINGS = {
    "feedforward": {"hidden_size": [9, 5], "num_layers": 2},
    "cnn": {
        "model": "cnn",
        "conv_layers": "4x3x3",
        "batch_norm": True,
        "dropout": 0.2,
        "hidden_size": 6,
    },
    "numpy": {"backend": "numpy", "hidden_size": 7},
}


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


@pytest.fixture(scope="module")
def results(digits: Dataset) -> dict[str, RunResult]:
    configs = {k: RunConfig(dataset="digits", epochs=1, **v) for k, v in SETTINGS.items()}
    return {name: train_stack([config], digits)[0] for name, config in configs.items()}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_kept_model_is_the_model(
    name: str, results: dict[str, RunResult], digits: Dataset, tmp_path: Path
):
    result = results[name]
    path = save_model(tmp_path / "some.safetensors", encode_model(result, digits))
    model = dlsweep.load(path)
    assert isinstance(model, Model)
    assert model.config == result.config
    assert model.classes == digits.classes
    assert model.image_shape == (1, 8, 8)
    assert model.summary == result.summary()
    # Torch computes here what NumPy has trained: other products, rounded otherwise.
    tolerance = 1e-6 if name == "numpy" else 0
    difference = np.abs(model.predict(digits.test.images) - result.test.probabilities)
    assert difference.max() <= tolerance
    labels = digits.test.labels
    accuracy = pytest.approx(result.test.accuracy, abs=0.003 if name == "numpy" else 0)
    assert model.score(digits.test.images, labels) == accuracy
    names = [digits.classes[int(label)] for label in labels]
    assert model.score(digits.test.images.numpy(), names) == accuracy
    for wrong in (labels[:-1], [*names[:-1], "ten"], [*labels.tolist()[:-1], 10]):
        with pytest.raises(ValueError, match="labels: "):
            model.score(digits.test.images, wrong)
    assert [file.name for file in tmp_path.iterdir()] == ["some.safetensors"]


def test_it_is_found_in_the_directory_of_its_run(
    results: dict[str, RunResult], digits: Dataset, tmp_path: Path
):
    (tmp_path / "files").mkdir()
    save_model(tmp_path / "files" / FILE_NAME, encode_model(results["numpy"], digits))
    for place in (tmp_path, tmp_path / "files", str(tmp_path)):
        assert load_model(place).config == results["numpy"].config


def test_images_in_every_form_that_they_come_in(
    results: dict[str, RunResult], digits: Dataset, tmp_path: Path
):
    model = load_model(save_model(tmp_path / "m", encode_model(results["cnn"], digits)))
    whole = digits.test.images[:6]
    expected = model.predict(whole)
    assert expected.shape == (6, 10)
    assert expected.sum(1) == pytest.approx(1)
    assert (model.predict(whole[:, 0]) == expected).all()
    assert (model.predict(whole.numpy()) == expected).all()
    assert model.predict(whole.double()) == pytest.approx(expected)
    assert model.predict(whole[0, 0]) == pytest.approx(expected[:1], abs=1e-6)
    assert model.predict(whole[:0]).shape == (0, 10)
    # Bytes go through the function that scales the pixels of every split.
    bytes_ = (whole.numpy() * 255).round().astype(np.uint8)
    bytes_.flags.writeable = False
    scaled = torch.from_numpy(bytes_.copy()).float() / 255
    assert (model.predict(bytes_) == model.predict(scaled)).all()


@pytest.mark.parametrize(
    ("images", "problem"),
    [
        (np.zeros((2, 1, 28, 28)), r"got the shape \(2, 1, 28, 28\), expected \(N, 1, 8, 8\) or"),
        (np.zeros(64), r"got the shape \(64,\)"),
        (np.zeros((2, 8, 8), np.int64), "got int64, expected uint8 or floating point"),
    ],
)
def test_images_that_are_none(
    images: np.ndarray,
    problem: str,
    results: dict[str, RunResult],
    digits: Dataset,
    tmp_path: Path,
):
    model = load_model(save_model(tmp_path / "m", encode_model(results["numpy"], digits)))
    with pytest.raises(ValueError, match=problem):
        model.predict(images)


class Trap:
    """What a pickle may do to whoever opens it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> object:
        return Path.touch, (self.mark,)


def test_what_is_no_model_is_refused_in_one_line(
    results: dict[str, RunResult], digits: Dataset, tmp_path: Path
):
    mark, file = tmp_path / "mark", tmp_path / "file"

    def refused(path: Path) -> str:
        with pytest.raises(ConfigError) as caught:
            load_model(path)
        [line] = caught.value.problems
        assert "\n" not in line
        assert str(path) in line
        return line

    assert "no such file" in refused(tmp_path / "nothing")
    assert f"there is no {FILE_NAME} in it" in refused(tmp_path)
    file.write_bytes(pickle.dumps(Trap(mark)))
    assert "not a safetensors file" in refused(file)
    torch.save({"x": torch.zeros(1)}, file)
    assert "not a safetensors file" in refused(file)
    assert not mark.exists()
    save_file({"x": np.zeros(1)}, file)
    assert "not a model of dlsweep's" in refused(file)

    save_model(file, encode_model(results["numpy"], digits))
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    assert "not a safetensors file" in refused(file)
    file.write_bytes(whole.replace(b"hidden.0", b"hidten.0"))
    assert "cannot be read by" in refused(file)
    file.write_bytes(whole.replace(b"cross_entropy", b"cross_entrapy"))
    assert "loss: got 'cross_entrapy'" in refused(file)


def test_a_run_that_diverged_can_be_kept(
    results: dict[str, RunResult], digits: Dataset, tmp_path: Path
):
    """Its numbers are none, and the file's metadata is still JSON."""
    config = RunConfig(
        dataset="digits", epochs=3, hidden_size=4, optimizer="sgd", learning_rate=1e30
    )
    [result] = train_stack([config], digits)
    assert result.status == "diverged"
    model = load_model(save_model(tmp_path / "m", encode_model(result, digits)))
    assert model.summary["status"] == "diverged"
    assert model.summary["best_epoch"] == result.best_epoch
