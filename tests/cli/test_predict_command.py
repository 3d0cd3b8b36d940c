"""`dlsweep predict` and `dlsweep data --show` as a user types them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import dlsweep
from dlsweep.cli import main, train_main
from dlsweep.data import load
from dlsweep.saved import read_image
from tests.wandb_server import WandbServer


@pytest.fixture
def kept(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that `train.py --save_model` has kept, where its line says that it is."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert train_main(["-d", "digits", "-e", "3", "-sz", "32", "--save_model"]) == 0
    err = capsys.readouterr().err.splitlines()
    [line] = [line for line in err if "model" in line]
    path = Path(line.removeprefix("dlsweep: the model is kept in "))
    assert path.parent.parent.parent == folder / "wandb"
    return path


@pytest.fixture
def images(folder: Path) -> list[str]:
    """Three test images as files of their own size."""
    for i, image in enumerate(load("digits").test.images[:3]):
        Image.fromarray((image[0].numpy() * 255).round().astype(np.uint8)).save(f"{i}.png")
    return ["0.png", "1.png", "2.png"]


def test_the_class_of_each_image(kept: Path, images: list[str], capsys: pytest.CaptureFixture[str]):
    model = dlsweep.load(kept)
    expected = model.predict(np.stack([read_image(path, (1, 8, 8)) for path in images]))

    assert main(["predict", str(kept), *images]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    found = [line.split() for line in out.splitlines()]
    assert found == [
        [path, str(row.argmax()), f"{row.max():.4f}"]
        for path, row in zip(images, expected, strict=True)
    ]

    assert main(["predict", str(kept.parent.parent), *images, "--format", "json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert [record["image"] for record in records] == images
    for record, row in zip(records, expected, strict=True):
        assert record["class"] == str(row.argmax())
        assert record["probability"] == float(row.max())
        assert list(record["probabilities"].values()) == row.tolist()

    assert main(["predict", str(kept), *images, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    for record, row in zip(rows, expected, strict=True):
        assert record["class"] == str(row.argmax())
        assert [float(record[str(label)]) for label in range(10)] == row.tolist()


def test_dark_on_light_is_found_out(
    kept: Path, images: list[str], capsys: pytest.CaptureFixture[str]
):
    assert main(["predict", str(kept), images[0]]) == 0
    expected = capsys.readouterr().out.split()[1:]
    Image.fromarray(255 - np.asarray(Image.open(images[0]))).save("photo.png")
    for how in ((), ("--invert",)):
        assert main(["predict", str(kept), "photo.png", *how]) == 0
        assert capsys.readouterr().out.split()[1:] == expected
    assert main(["predict", str(kept), "photo.png", "--as_is"]) == 0
    notice = "dlsweep: photo.png: dark on a light ground, it seems; try --invert\n"
    assert notice in capsys.readouterr().err


def test_what_was_done_and_what_the_model_saw(
    kept: Path, images: list[str], capsys: pytest.CaptureFixture[str]
):
    large = np.pad(
        255 - np.asarray(Image.open(images[0]).resize((64, 64))), 40, constant_values=255
    )
    Image.fromarray(large).convert("RGB").save("photo.jpg", quality=95)
    command = ["predict", str(kept), images[0], "photo.jpg", "--verbose", "--save_inputs", "seen"]
    assert main([*command, "--format", "json"]) == 0
    out, err = capsys.readouterr()
    first, second = err.splitlines()[:2]
    assert first == f"dlsweep: {images[0]}: 8×8; as it is"
    assert second.startswith(
        "dlsweep: photo.jpg: 144×144; dark ink on a lighter ground; cropped to"
    )
    one, other = json.loads(out)
    assert (one["class"], one["notices"]) == (other["class"], [])
    seen = np.asarray(Image.open("seen/0.png")).astype(int)
    assert (seen == np.asarray(Image.open(images[0]))).all()
    assert np.abs(np.asarray(Image.open("seen/photo.png")) - seen).mean() < 40


def test_a_bad_file_leaves_the_others(
    kept: Path, images: list[str], capsys: pytest.CaptureFixture[str]
):
    Path("rows.csv").write_text("1,2,3\n")
    assert main(["predict", str(kept), "no.png", images[0], "rows.csv", images[1]]) == 2
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == images[:2]
    Path("folder/class").mkdir(parents=True)
    Image.open(images[0]).save("folder/class/0.bmp")
    assert main(["predict", str(kept), "folder"]) == 0
    assert capsys.readouterr().out.split()[1] == out.split()[1]
    assert err.splitlines() == [
        "error: no.png: no such file",
        "error: rows.csv: has 3 columns; the model takes 64 features",
    ]


@pytest.mark.usefixtures("folder")
def test_a_model_of_a_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    features = np.random.default_rng(0).normal(5, 2, (200, 3))
    labels = np.where(features[:, 1] > 5, "high", "low")
    lines = [",".join([*map(str, row), label]) for row, label in zip(features, labels, strict=True)]
    Path("t.csv").write_text("\n".join(["a,b,c,level", *lines]))
    settings = ["-e", "30", "-sz", "16", "-b", "8", "-o", "adam", "-lr", "0.02"]
    assert train_main(["-d", "t.csv", *settings, "--save_model"]) == 0
    [kept] = Path("wandb").glob("offline-run-*/files/model.safetensors")
    capsys.readouterr()
    assert main(["predict", str(kept), "t.csv"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == [f"t.csv:{i}" for i in range(1, 201)]
    assert np.mean([row[1] == label for row, label in zip(rows, labels, strict=True)]) > 0.9
    Image.new("L", (3, 3)).save("p.png")
    assert main(["predict", str(kept), "p.png"]) == 2
    line = "p.png: the model takes rows of 3 features, in a .csv or .npz file"
    assert capsys.readouterr().err == f"error: {line}\n"


def test_bad_input_is_named_all_at_once(
    kept: Path, images: list[str], refused: Callable[..., list[str]]
):
    assert refused(main, "predict", str(kept), "no.png", str(kept)) == [
        "no.png: no such file",
        f"{kept}: not a PNG, JPEG, WebP, BMP, GIF, TIFF or PPM picture",
    ]
    assert refused(main, "predict", "no.safetensors", "no.png") == ["no.safetensors: no such file"]
    [problem] = refused(main, "predict", images[0], images[0])
    assert problem.startswith("0.png: not a safetensors file")
    [problem] = refused(main, "predict", images[0], str(kept))
    assert problem.startswith("0.png: not a safetensors file")
    assert problem.endswith("; the model comes first: dlsweep predict MODEL IMAGE ...")
    Path("empty").mkdir()
    [problem] = refused(main, "predict", str(kept), "empty")
    assert problem == "empty: a folder without pictures"
    [problem] = refused(main, "predict", ".", images[0])
    assert problem == ".: there is no model.safetensors in it; train with --save_model"
    [problem] = refused(main, "predict", str(kept), images[0], "--inverted")
    assert problem == "--inverted: no such flag; did you mean --invert?"
    [problem] = refused(main, "predict", str(kept), images[0], "--invert", "--as_is")
    assert problem == "--invert, --as_is: give one of them"


def test_outputs_that_are_no_numbers(
    kept: Path, images: list[str], refused: Callable[..., list[str]]
):
    with safe_open(kept, "np") as file:
        metadata = file.metadata()
    weights = load_file(kept)
    weights["output.weight"][0, 0] = np.nan
    save_file(weights, kept, metadata)
    why = "its outputs are not numbers (NaN), as happens when training diverges"
    assert refused(main, "predict", str(kept), *images) == [f"{kept}: {why}"]


@pytest.mark.usefixtures("folder")
def test_a_model_that_cannot_be_kept_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert train_main(["-d", "digits", "-e", "1", "-sz", "8", "--save-model"]) == 0
    assert capsys.readouterr().err == "dlsweep: no model was kept: WANDB_MODE is disabled\n"


# `dlsweep data --show`


@pytest.mark.usefixtures("folder")
def test_the_data_can_be_shown_for_a_sweep_of_wandbs(
    wandb_server: WandbServer, account: Any, capsys: pytest.CaptureFixture[str]
):
    assert main(["data", "digits", "--show", "--project", "beds", "--entity", "team"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "digits: shown in a run of the project beds"
    [run] = wandb_server.runs.values()
    assert (run.entity, run.project, run.job_type) == ("team", "beds", "data")
    assert run.state == "finished"


def test_shown_offline(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["data", "digits", "--show"]) == 0
    path = Path(capsys.readouterr().out.split("wandb sync ")[1].strip())
    assert path.parent == folder / "wandb"
    assert list(path.glob("run-*.wandb"))


def test_where_to_show_is_nothing_without_show(refused: Callable[..., list[str]]):
    assert refused(main, "data", "digits", "--project", "p", "--entity", "e") == [
        "--project: only with --show",
        "--entity: only with --show",
    ]
