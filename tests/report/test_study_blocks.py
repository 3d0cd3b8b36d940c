"""The numbers of the blocks that pages of studies are made of."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import classification_report

from dlsweep.config import RunConfig
from dlsweep.report import RunsTable, joined, where
from dlsweep.report._page import Page
from dlsweep.report.blocks import (
    Ablation,
    AutoencoderPictures,
    Claim,
    ConfusionGrid,
    Layers,
    Lines,
    PerClass,
    Published,
    Trend,
)
from dlsweep.report.findings import ablation
from dlsweep.sweep import Row
from tests.report.programs import program_run, program_table
from tests.report.tables import made_up_run, table_of

SEEDS = (0, 1, 2)
BASE: dict[str, Any] = {"dataset": "digits", "learning_rate": 0.01, "hidden_size": 32}


def run_of(number: int, test: float, seed: int = 0, **settings: Any) -> Row:
    """A run that kept the model of its second epoch of three."""
    config = RunConfig(**{**BASE, **settings}, seed=seed).as_dict()
    history = [
        {"epoch": e, "train_accuracy": test + 0.1, "val_accuracy": test + x, "val_loss": 1 / e}
        for e, x in ((1, 0.0), (2, 0.04), (3, 0.02))
    ]
    made = made_up_run(number)
    summary = {**made.summary, "test_accuracy": test, "best_epoch": 2}
    return replace(made, config=config, history=history, summary=summary, value=test + 0.02)


def ablated() -> RunsTable:
    """A base, three values beside it and one with two settings changed; three seeds of each."""
    changes: list[tuple[float, dict[str, Any]]] = [
        (0.80, {}),
        (0.70, {"learning_rate": 0.001}),
        (0.60, {"learning_rate": 0.1}),
        (0.85, {"lr_schedule": "step", "step_size": 2, "gamma": 0.5}),
        (0.75, {"hidden_size": [16, 8], "num_layers": 2}),
        (0.50, {"optimizer": "sgd", "activation": "tanh"}),
    ]
    runs = [
        run_of(10 * i + seed, test + 0.01 * seed * (i + 1), seed, **settings)
        for i, (test, settings) in enumerate(changes)
        for seed in SEEDS
    ]
    return table_of(*runs, parameters=("learning_rate", "lr_schedule", "hidden_size", "optimizer"))


def test_an_ablation_has_what_differs_in_one_setting_alone():
    found = ablation(ablated(), "test_accuracy")
    assert found is not None
    assert {run.config["learning_rate"] for run in found.base} == {0.01}
    factors = {name: [step.text for step in steps] for name, steps in found.factors.items()}
    assert factors == {
        "learning_rate": ["0.001", "0.01", "0.1"],
        "hidden_size": ["32", "16-8"],
        "lr_schedule": ["constant", "step, gamma 0.5, step size 2"],
    }
    slower, base, _ = found.factors["learning_rate"]
    assert base.is_base
    # Over equal seeds the gains are -0.10, -0.09 and -0.08; Student's t of three is 4.303.
    assert slower.difference == pytest.approx(-0.09)
    assert slower.high - slower.difference == pytest.approx(4.3027 * 0.01 / np.sqrt(3), rel=1e-3)


def test_a_base_is_the_one_that_is_named():
    table = ablated()
    found = ablation(table, "test_accuracy", where(learning_rate=0.1))
    assert found is not None
    assert [*found.factors] == ["learning_rate"]
    assert [s.is_base for s in found.factors["learning_rate"]] == [False, False, True]
    assert ablation(table, "test_accuracy", where(optimizer="sgd")) is None
    parts = [replace(table, runs=table.runs[:6]), replace(table, runs=table.runs[6:])]
    both = ablation(joined(*parts), "test_accuracy")  # of two sweeps
    assert both is not None
    assert len(both.factors) == 3


def test_a_table_of_each_setting_with_training_validation_and_test(tmp_path: Path):
    text = Ablation(settings=("learning_rate",), metric="test_accuracy").markdown(
        ablated(), tmp_path
    )
    row = next(line for line in text.splitlines() if line.startswith("| `0.001`"))
    cells = [cell.split(" (")[0].strip() for cell in row.strip("| ").split(" | ")]
    assert [c.replace("\u202f", " ") for c in cells[1:4]] == ["82.0 %", "76.0 %", "72.0 %"]
    assert cells[4].startswith("−9.0")
    assert cells[5:7] == ["3", "3"]


def test_a_programs_variant_is_taken_apart():
    points: list[dict[str, Any]] = [
        {"lr": 0.1, "variant": {"width": 8}},
        {"lr": 0.1, "variant": {"width": 16}},
        {"lr": 0.1, "variant": {"width": 8, "lr": 0.2}},
    ]
    table = program_table([program_run(i, point, 3.0 - i) for i, point in enumerate(points)])
    found = ablation(table, "loss")
    assert found is not None
    assert {n: [s.text for s in steps] for n, steps in found.factors.items()} == {
        "lr": ["0.1", "0.2"],
        "width": ["8", "16"],
    }
    assert [run.id for run in where(lr=0.2).of(table)] == ["id2"]


def test_runs_are_chosen_by_their_settings():
    table = ablated()
    assert len(where().of(table)) == 18
    assert len(where(learning_rate={0.001, 0.1}, seed=1).of(table)) == 2
    assert len(where(hidden_size=[16, 8]).of(table)) == 3
    assert where(hidden_size=16).of(table) == []


def test_a_trend_has_means_over_the_runs_of_each_value(tmp_path: Path):
    block = Trend("learning_rate", ("test_accuracy",), where=where(optimizer="adam", num_layers=3))
    text = block.markdown(ablated(), tmp_path).replace("\u202f", " ")
    rows = [line for line in text.splitlines() if line.startswith("| `0.")]
    assert [re.findall(r"[\d.]+ %", row)[0] for row in rows] == ["72.0 %", "85.0 %", "63.0 %"]
    assert [row.split("`")[-2] for row in rows] == ["3", "6", "3"]
    assert "Averaged over learning rate schedule" in text
    assert len(list(tmp_path.glob("trend*.svg"))) == 1


def test_curves_have_a_legend_in_every_rendering(tmp_path: Path):
    table = ablated()
    block = Lines(("val_accuracy", "val_loss"), by="learning_rate", facets="optimizer")
    html = str(block.html(table, Page()))
    for rate in ("0.001", "0.01", "0.1"):
        assert f"learning rate {rate}</li>" in html
    assert html.count("<svg") == 4  # two metrics, two optimizers
    assert "adam: validation accuracy" in html
    block.markdown(table, tmp_path)
    [picture] = tmp_path.glob("*.svg")
    assert "learning rate 0.001" in picture.read_text()


def test_the_loss_within_epochs_is_drawn_step_by_step():
    rows = [{"epoch": e, "step_loss": [[10 * e - 5, 2.0 / e], [10 * e, 1.0 / e]]} for e in (1, 2)]
    run = replace(made_up_run(1), history=rows)
    html = str(Lines(("step_loss",)).html(table_of(run), Page()))
    assert html.count("<svg") == 1
    assert ">step<" in html


def test_matrices_stand_side_by_side_with_their_accuracies():
    table = ablated()
    html = str(ConfusionGrid(by=("learning_rate", "optimizer"), most=5).html(table, Page()))
    assert html.count("<table") == 5
    assert "1 more left out" in html
    matrix = np.array(table.runs[0].summary["test_confusion"])
    assert f"<strong>{100 * matrix.trace() / matrix.sum():.1f} %</strong>" in html
    assert "learning rate 0.001, adam" in html


def test_a_published_figure_stands_beside_ours(tmp_path: Path):
    block = Published(
        (
            Claim("As it was", 0.7, where(learning_rate=0.001), reason="one | reason"),
            Claim("Best", 0.9, best=True, runs=where(), metric="val_accuracy"),
            Claim("Recall of 0", "zero", None),
        )
    )
    text = block.markdown(ablated(), tmp_path).replace("\u202f", " ")
    first, best, words = (line for line in text.splitlines()[4:7])
    assert first.startswith("| As it was | 70.0 % | 72.0 % (")
    assert " | +2.0 (" in first
    assert first.endswith("| 3 | one \\| reason |")
    assert best.startswith("| Best | 90.0 % | 93.0 % (")  # the step schedule's, of three seeds
    assert words == "| Recall of 0 | zero |  |  |  |  |"


def test_means_over_classes_are_scikit_learns(tmp_path: Path):
    matrix = np.array([[5, 1, 0], [2, 0, 0], [0, 1, 9]])
    run = made_up_run(1)
    table = table_of(replace(run, summary={**run.summary, "test_confusion": matrix.tolist()}))
    true = np.repeat(np.arange(3), matrix.sum(1))
    taken = np.concatenate([np.repeat(np.arange(3), row) for row in matrix])
    report = classification_report(true, taken, output_dict=True, zero_division=0)
    text = PerClass().markdown(table, tmp_path)
    for ours, theirs in (("macro mean", "macro avg"), ("weighted mean", "weighted avg")):
        shares = [f"{100 * report[theirs][n]:.1f} %" for n in ("precision", "recall", "f1-score")]
        assert f"| **{ours}** | {' | '.join(shares)} | 18 |" in text
    assert f"| **accuracy** |  |  | {100 * report['accuracy']:.1f} % | 18 |" in text


def test_layers_are_those_that_a_run_has_logged_or_of_its_settings(tmp_path: Path):
    run = made_up_run(1)
    logged = [["conv", "convolution", [4, 6, 6], 40]]
    table = table_of(replace(run, summary={**run.summary, "layers": logged}))
    assert "| `conv` | `convolution` | `4×6×6` | 40 |" in Layers().markdown(table, tmp_path)
    config = RunConfig(dataset="digits", hidden_size=[5], num_layers=1).as_dict()
    text = Layers().markdown(table_of(replace(run, config=config)), tmp_path)
    assert "| `output` | `linear` | `10` | 60 |" in text
    assert "| `all` |  |  | 385 |" in text


def test_an_autoencoders_pictures_are_those_of_its_folder(tmp_path: Path):
    config = RunConfig(dataset="digits", model="autoencoder").as_dict()
    images = tmp_path / "run" / "files" / "media" / "images"
    images.mkdir(parents=True)
    for name in ("code", "reconstructions"):
        Image.new("RGB", (4, 3)).save(images / f"{name}_7_abc.png")
    run = replace(made_up_run(1), config=config, info={"directory": str(tmp_path / "run")})
    table = table_of(replace(run, summary={**run.summary, "silhouette": 0.25}))
    text = AutoencoderPictures().markdown(table, tmp_path / "page")
    assert len(list((tmp_path / "page").glob("autoencoder-*.png"))) == 2
    assert "silhouette 0.25" in text
    assert str(AutoencoderPictures().html(table, Page())).count("<img") == 2
    assert "figures: full" in AutoencoderPictures().markdown(
        table_of(replace(run, info={})), tmp_path
    )
