"""The runs table itself."""

from __future__ import annotations

import pytest

from dlsweep.config import RunConfig
from dlsweep.report._runs import joined, level, varied
from dlsweep.report.findings import lead
from dlsweep.sweep import Metric
from tests.report.hand_made import run, table


def test_runs_are_ranked_by_the_goal_and_equals_keep_their_order():
    values = (0.5, 0.9, None, 0.5, 0.7)
    runs = [run(i, value, epochs=i + 1) for i, value in enumerate(values)]
    assert [r.name for r in table(runs).ranked()] == ["run-1", "run-4", "run-0", "run-3"]
    low = table(runs, Metric("val_loss", "minimize"))
    assert [r.name for r in low.ranked()] == ["run-0", "run-3", "run-4", "run-1"]
    assert lead(table(runs)) is runs[1]
    assert lead(table([run(0)])) is None


def test_finished_and_failed_runs():
    runs = [run(0, 0.5), run(1), run(2, None, "diverged"), run(3, None, "waiting")]
    runs += [run(4, 0.3, "early_stopped"), run(5, None, "running")]
    assert [r.name for r in table(runs).finished()] == ["run-0", "run-4"]
    assert [r.name for r in table(runs).failed()] == ["run-1", "run-2"]


def test_columns_of_settings_metric_summary_and_history():
    found = table([run(0, 0.5, optimizer="sgd"), run(1)])
    assert found.column("optimizer") == ["sgd", "adam"]
    assert found.column("val_accuracy") == [0.5, None]
    assert found.column("best_val_accuracy") == [0.5, None]
    assert found.column("epoch") == [1, None]
    assert found.column("nothing") == [None, None]


def test_varied_settings_in_the_order_of_the_configuration():
    one = RunConfig(activation="tanh", hidden_size=[8, 4], num_layers=2, device="cpu").as_dict()
    other = RunConfig(epochs=3, num_layers=2, hidden_size=8, wandb_project="other").as_dict()
    assert varied([one, other]) == ("epochs", "hidden_size", "activation")
    assert varied([{"epochs": 3}, {"seed": 1}]) == ()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0005, "0.0005"),
        (1e-8, "1e-08"),
        (64, "64"),
        ("adam", "adam"),
        (None, "none"),
        (True, "true"),
        ([128, 64], "128-64"),
        ([0.9, 0.999], "[0.9, 0.999]"),
        ([-1, 2], "[-1, 2]"),
        (["a", "b"], '["a", "b"]'),
        ({"name": "adam", "lr": 1}, '{"name": "adam", "lr": 1}'),
        ("1", '"1"'),
        ("true", '"true"'),
        ("1e-3", '"1e-3"'),
        ("", '""'),
        ([{"channels": 16, "kernel": 5, "stride": 2}], "16x5x5/2"),
        ([{"channels": 16, "kernel": 5, "stride": 2}] * 2, "16x5x5/2,16x5x5/2"),
    ],
)
def test_a_value_as_people_read_it(value, text):
    assert level(value) == text


def test_runs_beside_a_sweep_come_once_and_are_not_ranked():
    first = table([run(0, 0.5), run(1, 0.6, epochs=3)], notices=("one",))
    later = [run(2, 0.5), run(3, 0.7, loss="mean_squared_error"), run(4, 0.4, seed=1)]
    whole = joined(first, table(later, title="later", notices=("two",)))
    assert [r.name for r in whole.runs] == ["run-0", "run-1", "run-3", "run-4"]
    assert whole.title == "toy"
    assert [r.beside for r in whole.runs] == [False, False, True, True]
    assert whole.parameters == first.parameters == ("epochs",)
    # The best is the sweep's; what was trained beside it has its value all the same.
    assert lead(whole).name == "run-1"
    assert len(whole.ranked()) == 2
    assert len(whole.finished()) == 4
    assert whole.source == "a table made by hand and a table made by hand"
    assert whole.notices == ("one", "two")


def test_settings_of_a_program_are_told_apart_exactly():
    configs = [{"b": 1, "device": "x", "c": None}, {"b": 1.0, "device": "y", "a.b": 2, "c": None}]
    assert varied(configs, own=False) == ("b", "device")
    assert varied([{"d": {"x": 1}}, {"d": {"x": 2}}, {"d": None}], own=False) == ("d",)
