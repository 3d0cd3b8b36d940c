"""reports/: the report of S1 as code, from a sweep to its pages."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from dlsweep.report.blocks import Block, Heading
from tests.conftest import REPOSITORY

SWEEP = """
name: tiny
method: grid
metric: {name: val_accuracy, goal: maximize}
parameters:
  dataset: {value: digits}
  train_size: {value: 100}
  epochs: {value: 1}
  hidden_size: {values: [8, 16]}
  optimizer: {values: [adam, sgd]}
"""


@pytest.fixture
def s1() -> ModuleType:
    spec = importlib.util.spec_from_file_location("s1", REPOSITORY / "reports" / "s1.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_report_is_short_and_asks_questions(s1: ModuleType):
    assert all(isinstance(block, Block) for block in s1.REPORT.blocks)
    headings = [block.text for block in s1.REPORT.blocks if isinstance(block, Heading)]
    assert len(headings) >= 8
    assert all(heading.endswith("?") for heading in headings)
    assert len((REPOSITORY / "reports" / "s1.py").read_text().splitlines()) < 160


def test_one_command_trains_and_writes_and_does_it_again(
    s1: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setattr(s1, "SEEDS", 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)  # no other process
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(SWEEP)
    arguments = ["s1.py", "--sweep", "tiny.yaml", "--count", "4", "--folder", "out/s1"]
    monkeypatch.setattr(sys, "argv", arguments)
    for _ in range(2):  # nothing is trained again
        s1.main()
        told = capsys.readouterr()
        assert "written: out/s1/README.md" in told.out
        assert "written: out/s1.html" in told.out
    assert "finished" not in told.err
    page = (tmp_path / "out/s1/README.md").read_text(encoding="utf-8")
    assert "3 more runs were trained beside the sweep" in page
    assert "`loss = mean_squared_error`" in page
    assert (tmp_path / "out/s1/comparison-loss.svg").exists()
    assert (tmp_path / "out/s1.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    asked = yaml.safe_load((tmp_path / "out/s1/losses.yaml").read_text())
    assert asked["parameters"]["seed"] == {"values": [0, 1]}
    assert asked["parameters"]["train_size"] == {"value": 100}
