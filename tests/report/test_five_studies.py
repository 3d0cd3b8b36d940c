"""reports/: the five studies, each from its sweep files to its page."""

from __future__ import annotations

import csv
import importlib
import os
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import yaml
from sklearn.datasets import load_digits

from dlsweep.report.blocks import Block, Heading
from dlsweep.sweep import load_sweep
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.process

REPORTS = REPOSITORY / "reports"
STUDIES = ("s1", "s2", "s3", "s4", "s5")
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to write into; runs train in this process, and nothing is left elsewhere."""
    monkeypatch.syspath_prepend(REPORTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.environ["PATH"])
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    return tmp_path


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """scikit-learn's digits as large as MNIST's, few of them."""
    found = load_digits()
    images = np.kron(found.images[:1100] / 16, np.ones((3, 3)))
    images = np.pad(images, ((0, 0), (2, 2), (2, 2))).astype(np.float32)
    path = tmp_path_factory.mktemp("digits") / "digits.npz"
    x, y = np.split(images, [900]), np.split(found.target[:1100], [900])
    np.savez(path, x_train=x[0], y_train=y[0], x_test=x[1], y_test=y[1])
    return path


def module(name: str) -> ModuleType:
    return importlib.import_module(name)


def test_studies_are_short_and_ask_questions(reports: Path):
    for name in STUDIES:
        study = module(name).STUDY
        blocks = [block for part in study.parts for block in part.blocks]
        assert all(isinstance(block, Block) for block in blocks)
        headings = [block.text for block in blocks if isinstance(block, Heading)]
        assert headings, name
        assert all(heading.endswith("?") for heading in [study.title, *headings]), name
        assert len((REPORTS / f"{name}.py").read_text().splitlines()) <= 120, name


def test_sweep_files_can_be_read(reports: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(REPOSITORY)
    for file in sorted(REPORTS.glob("s?/*.yaml")):
        if file.name not in ("published.yaml", "cifar10.yaml"):
            assert load_sweep(file).notices == (), file


@pytest.mark.parametrize("name", STUDIES)
def test_every_picture_and_run_of_a_page_is_there(name: str):
    page = (REPORTS / name / "README.md").read_text(encoding="utf-8")
    linked = set(PICTURE.findall(page))
    found = {
        path.relative_to(REPORTS / name).as_posix()
        for path in (REPORTS / name).rglob("*")
        if path.suffix in (".svg", ".png")
    }
    assert found == linked  # and nothing is left of earlier pages
    assert all((REPORTS / name / path).stat().st_size < 400_000 for path in linked)
    rows = list(csv.DictReader((REPORTS / name / "runs.csv").read_text("utf-8").splitlines()))
    runs = re.search(r"^([\d,]+) runs? of (\d+) sweeps?,", page, re.MULTILINE)
    assert runs is not None
    assert len(rows) == int(runs[1].replace(",", ""))
    assert len({row["sweep"] for row in rows}) == int(runs[2])


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_a_study_trains_what_is_missing_and_writes_its_page_again(
    name: str, reports: Path, digits: Path, capsys: pytest.CaptureFixture
):
    study = module("_study")
    given = ["--quick", "--dataset", str(digits), "--storage", "s.db", "--folder", f"out/{name}"]
    tables = study.main(module(name).STUDY, given)
    page = reports / "out" / name / "README.md"
    first = page.read_text(encoding="utf-8")
    for path in PICTURE.findall(first):
        assert (page.parent / path).stat().st_size > 0
    with (page.parent / "runs.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(table.runs) for table in tables.values())
    assert not [row["run"] for row in rows if row["status"] == "failed"]
    for file in page.parent.glob("*.yaml"):
        assert yaml.safe_load(file.read_text())["name"].endswith(
            ("-try", "-losses", "-best", "-cnn")
        )
    capsys.readouterr()
    study.main(module(name).STUDY, given)  # nothing is trained again
    assert "finished" not in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == first
