"""The runs as the page's script reads them, and the files that the page is made of."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from dlsweep.report._bundle import asset, bundle
from dlsweep.report._data import (
    as_json,
    classes_of,
    duration,
    metric_words,
    other_results,
    page_data,
    result,
    rounded,
    web_address,
    which_epochs,
)
from dlsweep.report._html import STYLES
from dlsweep.report._runs import plain_numbers
from dlsweep.sweep import Metric
from tests.report.tables import (
    START,
    diverged_run,
    failed_run,
    made_up_run,
    made_up_table,
    table_of,
)


def test_json_cannot_end_its_element():
    value = {"a": "</script><!--&", "b": [1, None]}
    text = as_json(value)
    assert not set("<>&") & set(text)
    assert json.loads(text) == value


@pytest.mark.parametrize(
    ("value", "kept"),
    [(0.123456789, 0.12346), (3, 3), (float("nan"), None), (float("inf"), None), (None, None)],
)
def test_numbers_are_rounded_and_finite(value: object, kept: object):
    assert rounded(value) == kept
    assert rounded("text") is None
    assert rounded(True) is None


def test_results_and_times_as_people_read_them():
    assert result(table_of(), "val_accuracy", 0.98765) == "98.8\u202f%"
    assert result(table_of(), "test_loss", 0.123456) == "0.1235"
    assert result(table_of(), "parameters", 12345) == "12,345"
    assert result(table_of(), "test_loss", None) == "–"
    assert result(table_of(), "test_loss", float("nan")) == "–"
    assert [duration(s) for s in (8.24, 42.4, 187, 7500)] == [
        "8.2 s",
        "42 s",
        "3 min 7 s",
        "2 h 5 min",
    ]


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("5e-05", "0.00005"),
        ("2.5e-05 to 0.0002", "0.000025 to 0.0002"),
        ("1e+22", "10²²"),
        ("2.5e-10", "2.5 × 10⁻¹⁰"),
        ("16x5x5/2", "16x5x5/2"),
        ("a1e5", "a1e5"),
        ("0.001", "0.001"),
    ],
)
def test_numbers_are_written_without_an_e(shown: str, said: str):
    assert plain_numbers(shown) == said


def test_what_is_shown_says_which_epoch_it_is_of():
    table = made_up_table(3)
    assert metric_words(table) == page_data(table)["metric"]["label"] == "final validation accuracy"
    assert other_results(table) == ["best_val_accuracy", "test_accuracy"]
    assert which_epochs(table) == (
        "Final means after a run's last epoch; the test results are those of its best epoch, whose "
        "model is kept."
    )
    kept = replace(table, metric=Metric("best_val_accuracy"))
    assert metric_words(kept) == "best validation accuracy"
    assert other_results(kept) == ["test_accuracy"]
    assert which_epochs(kept).startswith("A run's test results are those of its best")
    bare = table_of(*(replace(run, summary={}) for run in table.runs))
    assert (other_results(bare), which_epochs(bare)) == ([], "")


def test_columns_have_an_entry_for_each_run():
    table = table_of(made_up_run(0), diverged_run(1), failed_run(2, "no memory"))
    data = page_data(table)
    columns = [data[name] for name in ("names", "ids", "urls", "status", "value", "started")]
    columns += [setting["codes"] for setting in data["settings"]]
    columns += [*data["results"].values(), *data["history"].values(), *data["matrices"].values()]
    assert {len(column) for column in columns} == {3}
    assert data["best"] == 0
    assert data["value"][1:] == [None, None]
    assert data["reasons"]["2"] == "no memory"
    assert data["history"]["train_loss"][1] == [pytest.approx(1.1, abs=1), None]
    assert data["history"]["train_loss"][2] is None
    assert data["seconds"] == [8.0, 8.0, 8.0]
    assert data["started"] == [0.0, 10.0, 20.0]
    json.loads(as_json(data))


def test_settings_that_differ_swept_ones_first():
    runs = [made_up_run(n) for n in range(12)]
    runs[3] = replace(runs[3], config={**runs[3].config, "hidden_size": [64, 32]})
    data = page_data(table_of(*runs))
    settings = {setting["name"]: setting for setting in data["settings"]}
    assert [setting["swept"] for setting in data["settings"]] == [True] * 5 + [False]
    assert settings["hidden_size"]["values"] == [64, "64-32"]
    assert settings["hidden_size"]["codes"][3] == 1
    assert settings["loss"]["values"][settings["loss"]["codes"][0]] == runs[0].config["loss"]
    assert "dataset" not in settings


def test_epochs_are_sent_only_where_they_are_not_simply_counted():
    runs = [made_up_run(n) for n in range(2)]
    assert page_data(table_of(*runs))["steps"] is None
    late = tuple({**epoch, "epoch": epoch["epoch"] + 5} for epoch in runs[1].history)
    data = page_data(table_of(runs[0], replace(runs[1], history=late)))
    assert data["steps"][""] == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]


def test_what_is_no_matrix_is_left_out():
    for matrix in (None, 3, [[1, 2], [3]], [[1, None], [2, 3]], "text", []):
        run = made_up_run(0)
        run = replace(run, summary={**run.summary, "val_confusion": matrix})
        assert page_data(table_of(run))["matrices"]["val"] == [None]


def test_class_names_only_of_one_known_data_set():
    runs = list(made_up_table(2).runs)
    assert classes_of(runs) == list("0123456789")
    assert classes_of([]) == []
    other = replace(runs[1], config={**runs[1].config, "dataset": "fashion_mnist"})
    assert classes_of([runs[0], other]) == []
    assert classes_of([replace(runs[0], config={"dataset": ["digits"]})]) == []


def test_addresses_are_those_of_the_web():
    assert web_address("https://wandb.ai/a/b") == "https://wandb.ai/a/b"
    assert web_address("javascript:alert(1)") is web_address("") is web_address(None) is None


def test_times_that_nobody_knows():
    run = replace(made_up_run(0), started=None, finished=START + timedelta(seconds=1))
    data = page_data(table_of(run))
    assert data["started"] == data["seconds"] == [None]


def test_the_library_is_the_one_that_its_note_describes():
    note = asset("ECHARTS.md")
    stated = re.search(r"SHA-256: `([0-9a-f]{64})`", note)
    assert stated is not None
    assert hashlib.sha256(asset("echarts.min.js").encode()).hexdigest() == stated[1]


def test_no_part_of_the_page_ends_its_element_early():
    for source in (bundle(), asset("echarts.min.js")):
        assert "</script" not in source.lower()
    for name in STYLES:
        assert "</style" not in asset(f"{name}.css").lower()
