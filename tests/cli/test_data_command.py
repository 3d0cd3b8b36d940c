"""`dlsweep data` with one's own data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dlsweep.cli import main, train_main


@pytest.fixture
def table(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of two features: 60 rows of one class, 8 of another."""
    monkeypatch.setenv("DLSWEEP_DATA", str(folder.parent / "cache"))
    rows = np.random.default_rng(0).random((68, 2))
    kinds = ["often"] * 60 + ["rare"] * 8
    lines = [f"{a},{b},{kind}" for (a, b), kind in zip(rows, kinds, strict=True)]
    (folder / "mine.csv").write_text("a,b,kind\n" + "\n".join(lines) + "\n")
    return folder / "mine.csv"


def test_what_will_be_trained_on_is_shown(
    table: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert main(["data", "mine.csv", "--show", "--val-fraction", "0.2"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    cache = table.parent.parent / "cache" / "own"
    assert first.startswith(f"mine: 43 train, 11 val, 14 test rows in {cache}/mine-")
    text = "\n".join(line.strip() for line in lines)
    assert "the labels are the column 'kind'" in text
    assert "no test split is given: a stratified fifth" in text
    assert "2 features, with mean 0 and deviation 1 over the training rows" in text
    assert "often" in text
    assert [line.split()[1:] for line in lines if line.split()[:1] == ["often"]] == [
        ["38", "10", "12"]
    ]
    assert "warning: unbalanced: 38 training images of often, 5 of rare" in text
    assert "always answering often is right for 88.4 %" in text
    assert "warning: fewer than 10 training images: rare" in text


def test_it_is_read_ahead_of_time(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", str(table), "digits", "--classes", "often,rare"]) == 2
    assert "classes: got 'often', no class of digits" in capsys.readouterr().err
    assert main(["data", str(table)]) == 0
    assert capsys.readouterr().out.startswith("mine: 48 train, 6 val, 14 test rows in ")


@pytest.mark.usefixtures("table")
def test_bad_data_is_refused_alike_everywhere(
    folder: Path, refused: Callable[..., list[str]]
) -> None:
    (folder / "bad.csv").write_text("a,y\n1,u\nx,v\n")
    line = f"dataset: {folder / 'bad.csv'}: line 3: 'a' holds 'x', expected a number"
    assert refused(main, "data", "bad.csv") == [line]
    assert refused(train_main, "--dataset", "bad.csv") == [line]
    (folder / "s.yaml").write_text("method: grid\nparameters: {dataset: {value: bad.csv}}")
    assert refused(main, "sweep", "s.yaml") == [line]
    assert refused(main, "data", "mine.csw")[0].startswith("dataset: got 'mine.csw', no such")


def test_what_a_function_reads_elsewhere_is_read_again_where_asked(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (table.parent / "mine.py").write_text(
        "from pathlib import Path\n"
        "def read():\n"
        "    lines = Path('mine.csv').read_text().split()[1:]\n"
        "    rows = [line.split(',') for line in lines]\n"
        "    return [[float(a), float(b)] for a, b, _ in rows], [kind for _, _, kind in rows]\n"
    )
    assert main(["data", "mine.py:read"]) == 0
    table.write_text(table.read_text() + "1,1,often\n" * 10)
    assert main(["data", "mine.py:read"]) == 0
    assert main(["data", "mine.py:read", "--again"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("read:")]
    sizes = [line.partition(" rows")[0] for line in lines]
    assert sizes == ["read: 48 train, 6 val, 14 test"] * 2 + ["read: 55 train, 7 val, 16 test"]
