"""One's own data in training and sweeps: files, folders, and tensors given from Python."""

from __future__ import annotations

import inspect
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import dlsweep
from dlsweep import ConfigError, RunConfig, run_sweep
from dlsweep.data import Dataset, load
from dlsweep.report import text
from dlsweep.report._read import from_study
from dlsweep.sweep import SweepFile, load_sweep
from dlsweep.training import train_stack

SMALL: dict[str, Any] = {
    "epochs": {"value": 2},
    "num_layers": {"value": 1},
    "hidden_size": {"value": 8},
    "learning_rate": {"values": [0.02, 0.01]},
    "figures": {"value": "none"},
}
SWEEP: dict[str, Any] = {
    "method": "grid",
    "metric": {"name": "val_accuracy", "goal": "maximize"},
    "parameters": SMALL,
}
SWEEP_YAML = """
method: grid
metric: {name: val_accuracy, goal: maximize}
parameters:
  epochs: {value: 2}
  hidden_size: {values: [8, 16]}
  num_layers: {value: 1}
  figures: {value: none}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and an empty cache."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("WANDB_DIR")
    monkeypatch.setenv("DLSWEEP_DATA", str(tmp_path / "cache"))
    return tmp_path / "work"


def photos(folder: Path, count: int = 30) -> Path:
    """Reddish and bluish pictures, 8 wide and 6 high."""
    rng = np.random.default_rng(0)
    for name, channel in (("red", 0), ("blue", 2)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            pixels = rng.integers(0, 90, (6, 8, 3), dtype=np.uint8)
            pixels[..., channel] += 120
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


def test_the_documented_example(folder: Path) -> None:
    """Of `Dataset.of`, word for word; the sweep is trained in two workers."""
    (folder / "sweep.yaml").write_text(SWEEP_YAML)
    _, _, example = inspect.getdoc(Dataset.of).partition("Example::")  # type: ignore[union-attr]
    found: dict[str, Any] = {"np": np, "dlsweep": dlsweep, "Dataset": Dataset}
    exec(textwrap.dedent(example), found)
    data, result, table = found["data"], found["result"], found["table"]
    assert result.test.accuracy > 0.9
    assert result.config.dataset.startswith("lamps@")
    assert [row.status for row in table.rows] == ["finished"] * 2
    assert {row.config["dataset"] for row in table.rows} == {result.config.dataset}
    # Each has the result that it has alone, on the very tensors.
    best = table.best
    assert best is not None
    config = RunConfig(**best.config)
    (alone,) = train_stack([config], data)
    assert alone.summary()["best_val_accuracy"] == best.summary["best_val_accuracy"]


def test_other_tensors_are_another_sweep() -> None:
    images = np.random.default_rng(0).random((60, 4, 4))
    one = Dataset.of(images, np.arange(60) % 2)
    other = Dataset.of(images, np.arange(60) // 30)
    first = run_sweep(SWEEP, data=one, workers=1, confirm=0)
    again = run_sweep(SWEEP, data=one, workers=1, confirm=0)
    second = run_sweep(SWEEP, data=other, workers=1, confirm=0)
    assert first.name == again.name != second.name
    assert [row.run_id for row in first.rows] == [row.run_id for row in again.rows]
    with pytest.raises(ConfigError, match=r"data: given by the sweep, and by data"):
        run_sweep({**SWEEP, "parameters": {**SMALL, "data": {"value": "digits"}}}, data=one)
    with pytest.raises(ConfigError, match="data: has no effect on a program or function"):
        run_sweep({**SWEEP, "parameters": {"x": {"value": 1}}}, lambda: None, data=one)


def test_a_folder_in_a_sweep_and_what_has_changed_in_it(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photos(tmp_path / "study" / "photos")
    file = tmp_path / "study" / "sweep.yaml"
    parameters = SWEEP_YAML.replace("{values: [8, 16]}", "{value: 8}")
    file.write_text(
        parameters + "  model: {values: [cnn, feedforward]}\n  dataset: {value: photos}\n"
    )
    first = run_sweep(file, workers=1, confirm=0)  # the folder lies beside the file
    assert [row.status for row in first.rows] == ["finished"] * 2
    assert {row.config["dataset"] for row in first.rows} == {str(tmp_path / "study" / "photos")}
    best = first.best
    assert best is not None
    assert best.summary["best_val_accuracy"] == 1.0
    assert run_sweep(file, workers=1, confirm=0).name == first.name
    (tmp_path / "study" / "photos" / "red" / "0.png").unlink()
    second = run_sweep(file, workers=1, confirm=0)
    assert second.name != first.name
    assert f"its data has changed since study {first.name}" in caplog.text
    digests = [{row.summary["data_digest"] for row in study.rows} for study in (first, second)]
    assert digests[0].isdisjoint(digests[1])
    old, new = digests[0].pop(), digests[1].pop()
    report = from_study(first)
    assert f"`photos` (digest `{old}`)" in text.methods(report)[0]
    [caution] = text.cautions(report)
    assert f"`photos` now has the digest `{new}`" in caution
    assert text.cautions(from_study(second)) == []
    both = replace(report, runs=(*report.runs, *from_study(second).runs))
    assert "2 runs on" in text.cautions(both)[0]
    (tmp_path / "study" / "photos" / "red" / "1.png").unlink()
    with pytest.raises(ConfigError, match="was trained on other data"):
        run_sweep(file, workers=1, confirm=0, continue_from=second.name)


def parsed(folder: Path, **parameters: Any) -> SweepFile:
    import yaml

    file = folder / "sweep.yaml"
    file.write_text(yaml.safe_dump({**SWEEP, "parameters": {**SMALL, **parameters}}))
    return load_sweep(file)


def test_a_sweep_that_its_data_cannot_serve_is_refused_before_anything_is_made(
    folder: Path,
) -> None:
    photos(folder / "photos")
    with pytest.raises(ConfigError, match="no such file or folder"):
        parsed(folder, dataset={"value": "./nowhere"})
    with pytest.raises(ConfigError) as error:
        parsed(folder, dataset={"values": ["photos", "digits"]}, train_size={"values": [40, 5_000]})
    assert not error.value.problems[0].startswith("dataset")
    with pytest.raises(ConfigError, match="is larger than the 2×3 image that reaches it"):
        parsed(
            folder,
            dataset={"value": "photos"},
            model={"value": "cnn"},
            conv_layers={"value": "4x3,max2,4x3"},
        )
    sweep = parsed(
        folder, dataset={"values": ["photos", "digits"]}, train_size={"values": [40, 200]}
    )
    assert any("1 of 4 combinations" in notice for notice in sweep.notices)
    assert not list(folder.glob("*.db"))


def test_colours_reach_the_saved_model(folder: Path) -> None:
    photos(folder / "photos")
    settings = {"dataset": "photos", "model": "cnn", "conv_layers": "4x3,max2", "epochs": 4}
    result = dlsweep.train(
        {**settings, "num_layers": 1, "hidden_size": 8, "learning_rate": 0.01, "save_model": True}
    )
    (file,) = folder.glob("wandb/offline-run-*/files/model.safetensors")
    model = dlsweep.load(file)
    assert (model.classes, model.image_shape) == (("blue", "red"), (3, 6, 8))
    test = load(str(folder / "photos")).test
    np.testing.assert_allclose(
        model.predict(test.images), result.test.probabilities, rtol=1e-4, atol=1e-5
    )
    assert list(folder.glob("wandb/offline-run-*/files/media/images/test_right*.png"))


def test_a_table_is_trained_on_and_no_pictures_of_it_are_made(folder: Path) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(120, 3)) * [1, 100, 0.01] + [5, 0, 0]
    kinds = np.where(rows[:, 1] > 0, "up", "down")
    lines = [",".join([*map(str, row), kind]) for row, kind in zip(rows, kinds, strict=True)]
    (folder / "kinds.csv").write_text("a,b,c,kind\n" + "\n".join(lines))
    result = dlsweep.train({"dataset": "kinds.csv", "epochs": 5, "figures": "full"})
    assert result.test.accuracy > 0.8
    images = {
        path.name.split("_")[0] for path in folder.glob("wandb/offline-run-*/files/media/images/*")
    }
    assert "test" not in images
    assert "data" in images  # its principal components


def test_a_notice_where_val_fraction_has_no_effect(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for part in ("train", "val", "test"):
        photos(folder / "photos" / part, 10)
    dlsweep.train(
        {"dataset": "photos", "val_fraction": 0.3, "epochs": 1, "num_layers": 0, "figures": "none"}
    )
    assert "val_fraction: no effect: photos has a validation split of its own" in caplog.text
