"""`dlsweep runs` and `dlsweep export`: a program's runs have any settings and any metrics."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

from dlsweep.cli._export import as_csv, as_json
from dlsweep.cli._table import table_lines
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


def shown(study: StudyTable, width: int | None = None) -> list[list[str]]:
    return [line.split() for line in table_lines(study, width) if line]


def test_runs_show_what_differs_whatever_it_is_called():
    head, best, second, failed, running, why = shown(table(LOSS, *ROWS))
    assert head == ["#", "run", "val/loss", "name", "device", "opt.kind", "status"]
    assert best[:5] == ["1", "mine-1", "0.00012", "none", "True"]
    assert second[:5] == ["2", "mine-0", "1234", "x", "1"]
    assert failed == ["mine-2", "y", "1", "failed"]
    assert running == ["mine-3", "7.0000", "z", "running", "2"]
    assert " ".join(why) == "mine-2 failed: no luck"


def test_a_setting_is_not_shown_of_runs_in_which_it_has_no_effect():
    configs = [("adam", 0.5), ("momentum", 0.5), ("momentum", 0.9)]
    rows = [
        Row(i, f"{i}", f"r{i}", "finished", {"optimizer": o, "momentum": m, "dropout": 0}, value=i)
        for i, (o, m) in enumerate(configs)
    ]
    study = StudyTable("s", Metric("val_loss", "minimize"), tuple(rows))
    text = [line.split() for line in table_lines(study)]
    heading = next(i for i, words in enumerate(text) if words[:1] == ["#"])
    assert text[heading][:5] == ["#", "run", "val_loss", "optimizer", "momentum"]
    adam, *others = text[heading + 1 :]
    assert adam == ["1", "r0", "0.0000", "adam"]
    assert [line[3:] for line in others] == [["momentum", "0.5"], ["momentum", "0.9"]]
    two = table_lines(replace(study, rows=tuple(rows[:2])))
    assert "momentum" not in two[heading]  # of the only run that heeds it there is nothing to tell
    losses = [replace(row, config={"loss": f"l{row.number}"}) for row in rows]
    [_, line] = table_lines(replace(study, rows=tuple(losses)))[-2:]
    assert line.startswith("metric val_loss: runs with l0 and l1 and l2 cannot be compared by it")


def test_runs_without_a_metric_show_what_they_logged():
    rows = [replace(row, value=None) for row in ROWS]
    head, first, *_ = shown(table(Metric("", "minimize"), *rows))
    assert head == [
        "#",
        "run",
        "name",
        "device",
        "opt.kind",
        "status",
        "val/loss",
        "lr",
        "name",
        "val/loss.min",
    ]
    assert "1234" in first


def test_a_narrow_table_leaves_columns_out_and_cuts_no_value():
    reason = "ValueError: " + "x" * 100
    space = {f"a_long_parameter_{i}": i / 7e4 for i in range(9)}
    rows = [
        Row(i, str(i), f"lr0.0{i}-mse-{i}", "finished", {**space, "same": 3}, value=i / 1e6)
        for i in range(30)
    ]
    rows = [replace(r, config={k: v * (r.number + 1) for k, v in r.config.items()}) for r in rows]
    rows = [replace(row, config={**row.config, "same": 3}) for row in rows]
    rows += [
        replace(rows[0], number=n, value=None, status="failed", reason=reason) for n in (40, 41)
    ]
    study = table(Metric("val_loss_of_all", "minimize"), *rows)
    lines = table_lines(study, 80)
    body = lines[: lines.index("")]
    assert max(map(len, body)) <= 80
    assert not any("…" in line for line in body)
    ranked = [line.split() for line in body if line.split()[0].isdigit()]
    assert [line[:3] for line in ranked[:2]] == [
        ["1", "lr0.00-mse-0", "0.0000"],
        ["2", "lr0.01-mse-1", "1e-06"],
    ]
    assert ranked[1][3:5] == ["2.857e-05", "5.714e-05"]
    below = lines[lines.index("") + 1 :]
    assert f"lr0.00-mse-0 and 1 more failed: {reason}" in below
    [left_out] = [line for line in below if line.startswith("not shown: ")]
    assert "a_long_parameter_8" in left_out
    assert left_out.endswith("; `dlsweep runs --wide` shows all")
    wide = table_lines(study)
    assert "a_long_parameter_8" in wide[0]
    assert not any(line.startswith("not shown") for line in wide)
    assert len(table_lines(study, most=20)) < len(wide)


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
