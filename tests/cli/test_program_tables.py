"""`dlsweep runs` and `dlsweep export` of a program's runs: any settings, any metrics."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

from rich.console import Console

from dlsweep.cli._export import as_csv, as_json
from dlsweep.cli._show import runs_table
from dlsweep.sweep import Metric, Row, StudyTable, SweepFile
from dlsweep.sweep.file import Command


def table(metric: Metric, *rows: Row) -> StudyTable:
    file = SweepFile("mine", "grid", metric, {}, command=Command(program="mine.py"))
    return StudyTable("mine-1", metric, rows, file)


LOSS = Metric("val/loss", "minimize")
ROWS = (
    Row(
        number=0,
        run_id="a",
        name="mine-0",
        status="finished",
        config={"lr": 0.1, "name": "x", "device": 1, "opt.kind": {"k": [1, None]}},
        summary={"val/loss": 1234.5, "lr": 0.05, "name": 3.0},
        history=[{"val/loss": 2000.0}],
        value=1234.5,
    ),
    Row(
        number=1,
        run_id="b",
        name="mine-1",
        status="finished",
        config={"lr": 0.1, "name": None, "device": True, "opt.kind": {"k": [2]}},
        summary={"val/loss.min": 0.00012},
        value=0.00012,
    ),
    Row(2, "c", "mine-2", "failed", {"lr": 0.1, "name": "y", "device": 1}, reason="no luck"),
    Row(3, "d", "mine-3", "running", {"lr": 0.1, "name": "z"}, history=[{"val/loss": 7.0}, {}]),
)


def shown(study: StudyTable) -> list[list[str]]:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(runs_table(study))
    return [line.split() for line in console.export_text().splitlines() if line.strip()]


def test_runs_show_what_differs_whatever_it_is_called():
    head, best, second, failed, running = shown(table(LOSS, *ROWS))
    assert head == ["#", "run", "status", "val/loss", "name", "device", "opt.kind"]
    assert best[:6] == ["1", "mine-1", "finished", "0.00012", "none", "True"]
    assert second[:6] == ["2", "mine-0", "finished", "1234", "x", "1"]
    assert failed == ["mine-2", "failed:", "no", "luck", "y", "1"]
    assert running == ["mine-3", "running", "2", "7.0000", "z"]


def test_runs_without_a_metric_show_what_they_logged():
    rows = [replace(row, value=None) for row in ROWS]
    head, first, *_ = shown(table(Metric("", "minimize"), *rows))
    assert head[:6] == ["#", "run", "status", "val/loss", "lr", "name"]
    assert "1234" in first


def test_csv_keeps_every_setting_and_every_metric():
    rows = list(csv.DictReader(io.StringIO(as_csv(table(LOSS, *ROWS)).decode())))
    best, second, failed, _ = rows
    assert (second["number"], second["name"], second["config.name"]) == ("0", "mine-0", "x")
    assert (second["lr"], second["summary.lr"], second["summary.name"]) == ("0.1", "0.05", "3.0")
    assert json.loads(second["opt.kind"]) == {"k": [1, None]}
    assert (best["val/loss"], best["val/loss.min"], second["val/loss"]) == (
        "0.00012",
        "0.00012",
        "1234.5",
    )
    assert (failed["val/loss"], failed["reason"]) == ("", "no luck")


def test_json_keeps_names_flat():
    first = next(r for r in json.loads(as_json(table(LOSS, *ROWS))) if r["number"] == 0)
    assert first["config"] == ROWS[0].config
    assert first["summary"] == ROWS[0].summary
    assert first["history"] == [{"val/loss": 2000.0}]
