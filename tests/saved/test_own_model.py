"""A model of the user's own comes back from its file where its class can be imported."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import load
from dlsweep.saved import encode_model, load_model, save_model
from dlsweep.training import train_stack
from tests.training import nets


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A run's folder, whose model's class is in a file beside it."""
    source = tmp_path / "net.py"
    shutil.copy(nets.__file__, source)
    config = RunConfig(
        dataset="digits",
        model=f"{source}:Branches",
        model_settings={"width": 5},
        train_size=100,
        epochs=1,
        device="cpu",
    )
    data = load("digits", train_size=100)
    [result] = train_stack([config], data)
    save_model(tmp_path / "model.safetensors", encode_model(result, data))
    np.save(tmp_path / "expected.npy", result.test.probabilities)
    return tmp_path


def test_it_answers_as_the_run_did(saved: Path):
    model = load_model(saved)
    images = load("digits").test.images
    np.testing.assert_array_equal(model.predict(images), np.load(saved / "expected.npy"))
    assert dict(model.config.model_settings) == {"width": 5}


def test_a_class_that_has_moved_is_found_in_the_working_directory(
    saved: Path, monkeypatch: pytest.MonkeyPatch
):
    (saved / "there").mkdir()
    shutil.move(saved / "net.py", saved / "there" / "net.py")
    with pytest.raises(ConfigError) as refused:
        load_model(saved)
    [line] = refused.value.problems
    where = f"its model {saved / 'net.py'}:Branches must be there to import: "
    assert line.startswith(f"{saved / 'model.safetensors'}: {where}")
    monkeypatch.chdir(saved / "there")
    assert load_model(saved).config.model == f"{saved / 'there' / 'net.py'}:Branches"


def test_a_class_that_has_changed_is_refused_in_a_line(saved: Path):
    source = (saved / "net.py").read_text()
    (saved / "net.py").write_text(source.replace("self.head", "self.last"))
    with pytest.raises(ConfigError, match=r"cannot be read by .*head\.weight"):
        load_model(saved)
