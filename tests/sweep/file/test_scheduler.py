"""Keys for W&B's own schedulers: taken, or named in a line; never refused as a slip of the pen."""

from __future__ import annotations

from typing import Any

import pytest

from dlsweep import ConfigError
from dlsweep.sweep.file import Metric, SweepFile, parse_sweep

METRICS = [{"name": "val_loss", "goal": "minimize"}, {"name": "seconds", "goal": "minimize"}]


def sweep(**more: Any) -> SweepFile:
    parameters = {"learning_rate": {"values": [0.1, 0.01]}}
    return parse_sweep({"method": "random", "parameters": parameters, **more})


@pytest.mark.parametrize(
    ("more", "metric", "method", "notices"),
    [
        ({"metrics": METRICS[:1]}, "val_loss", "random", []),
        (
            {"metrics": METRICS},
            "val_loss",
            "random",
            ["metrics: the runs are ranked by val_loss; the best compromises are shown"],
        ),
        (
            {"metrics": METRICS[:1], "metric": {"name": "val_accuracy", "goal": "maximize"}},
            "val_loss",
            "random",
            ["metric: no effect beside metrics, as in W&B"],
        ),
        (
            {"scheduler": {"engine": "optuna", "optimizer": "f"}, "method": None},
            "val_accuracy",
            "bayes",
            [
                "scheduler: no effect here; method bayes searches instead of optuna",
                "scheduler.optimizer: no effect here",
            ],
        ),
        (
            {"scheduler": {"engine": "wandb"}, "controller": {"type": "local"}, "kind": "x"},
            "val_accuracy",
            "random",
            [
                "scheduler: no effect here; the file's method searches",
                "controller, kind: no effect here",
            ],
        ),
    ],
)
def test_what_has_no_effect_is_said_in_a_line(
    more: dict[str, Any], metric: str, method: str, notices: list[str]
):
    if not more.keys() & {"metric", "metrics"}:
        more = {**more, "metric": {"name": "val_accuracy", "goal": "maximize"}}
    found = sweep(**more)
    assert (found.metric.name, found.method) == (metric, method)
    assert len(found.notices) == len(notices)
    for notice, start in zip(found.notices, notices, strict=True):
        assert notice.startswith(start)
    assert parse_sweep(found.as_dict(), builtin=True) == found


def test_metrics_of_a_program():
    found = parse_sweep(
        {
            "method": "bayes",
            "program": "t.py",
            "metrics": METRICS,
            "parameters": {"x": {"value": 1}},
        },
        builtin=False,
    )
    assert found.metrics == tuple(
        Metric(name, "minimize", summary_first=True) for name in ("val_loss", "seconds")
    )
    assert parse_sweep(found.as_dict(), builtin=False) == found


def test_several_metrics_are_another_search_than_one():
    several, one = sweep(metrics=METRICS), sweep(metrics=METRICS[:1])
    assert several.fingerprint != one.fingerprint
    assert one.fingerprint == sweep(metric=METRICS[0]).fingerprint


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"metrics": "loss"}, "metrics: got 'loss', expected a list of metrics"),
        ({"metrics": [*METRICS, METRICS[0]]}, "metrics: val_loss is there twice"),
        ({"metrics": [{"name": "lss", "goal": "minimize"}]}, "metric.name: got 'lss', not logged"),
        ({"method": "custom"}, "method: got 'custom', not a method; choose from grid"),
        (
            {"scheduler": {"engine": "optuna", "search_space": "space"}},
            "scheduler.search_space: 'space' is run by W&B's scheduler only; list the parameters",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(more: dict[str, Any], problem: str):
    with pytest.raises(ConfigError) as refused:
        sweep(**more)
    [line] = refused.value.problems
    assert line.startswith(problem)
