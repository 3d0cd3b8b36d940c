"""Sweeps of the example programs, and what must come of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """A sweep of an example program, and what must come of it.

    Attributes:
        program: in the folder of example programs.
        parameters: of the sweep, a grid.
        value: the metric of a point, which has the names of nested parameters joined by dots; None
            without one.
        metric: its name.
        goal: its goal.
        command: of the sweep file, behind the interpreter; None to leave it out.
        rows: how many rows each run logs; None if that differs.
        status: of a point.
        name: the display name at W&B; None for that of the study.
        config: what the program adds to the point in its configuration.
        flags: of `dlsweep sweep`.
        more: more keys of the sweep file.
        beside: more files that the program needs.
        tracked: whether the program has wandb runs.
        code: the exit code of the sweep.
    """

    program: str
    parameters: Mapping[str, Any]
    value: Callable[[Mapping[str, Any]], float | None]
    metric: str = "loss"
    goal: str = "minimize"
    command: Sequence[str] | None = None
    rows: int | None = 1
    status: Callable[[Mapping[str, Any]], str] = lambda point: "finished"
    name: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    flags: Sequence[str] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    beside: Sequence[str] = ()
    tracked: bool = True
    code: int = 0

    def sweep(self) -> dict[str, Any]:
        """The sweep file."""
        command = {"command": [*self.command]} if self.command else {}
        return {
            "program": self.program,
            "method": "grid",
            "metric": {"name": self.metric, "goal": self.goal},
            "parameters": {**self.parameters},
            **command,
            **self.more,
        }


def cross_validated(point: Mapping[str, Any]) -> float:
    """What sklearn_train.py comes to."""
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    model = LogisticRegression(C=point["C"], max_iter=point["max_iter"])
    return float(cross_val_score(model, *load_iris(return_X_y=True), cv=3).mean())


PYTHON = ("${env}", "${interpreter}", "${program}")
LR = {"lr": {"values": [0.1, 0.02, 3e-05, 1.0]}}

CASES = {
    "argparse": Case(
        "argparse_train.py",
        {"lr": {"values": [0.1, 1e-05]}, "width": {"values": [4, 16]}},
        lambda point: point["lr"] / 3,
        rows=3,
        name="my run",
    ),
    "configuration only": Case(
        "config_only.py",
        {**LR, "net": {"parameters": {"width": {"value": 3}, "act": {"value": "é 'x'"}}}},
        lambda point: point["lr"] * point["net.width"],
        rows=2,
        command=PYTHON,
    ),
    "click": Case(
        "click_train.py",
        {
            "lr": {"values": [0.1, 0.3]},
            "batch-size": {"value": 16},
            "augment": {"values": [True, False]},
        },
        lambda point: point["lr"] * point["batch-size"],
        command=(*PYTHON, "${args_no_boolean_flags}"),
    ),
    "key=value": Case(
        "key_value.py",
        {"optimizer": {"values": ["adam", "sgd"]}, "lr": {"values": [0.1, 1e-05]}},
        lambda point: point["lr"] / 2,
        rows=2,
        command=(*PYTHON, "${args_no_hyphens}"),
    ),
    "JSON file": Case(
        "json_file.py",
        {**LR, "net": {"parameters": {"width": {"value": 3}}}},
        lambda point: point["lr"] + point["net.width"],
        command=(*PYTHON, "${args_json_file}"),
    ),
    "shell": Case(
        "train.sh",
        LR,
        lambda point: point["lr"] / 10,
        metric="test_loss",
        rows=4,
        command=("sh", "${program}", "${args}"),
        beside=("argparse_train.py", "evaluate.py"),
        config={"width": 8},
        name="my run",
    ),
    "crashes": Case(
        "crashes.py",
        {"how": {"values": ["not", "error", "signal", "code"]}},
        lambda point: 1.0 if point["how"] == "not" else None,
        rows=None,
        status=lambda point: "finished" if point["how"] == "not" else "failed",
        command=PYTHON,
    ),
    "logs nothing": Case(
        "silent.py", {"x": {"values": [1, 2, 3, 4]}}, lambda point: None, rows=0, tracked=False
    ),
    "late, with its own names": Case(
        "late_init.py",
        {"x": {"values": [1, 2, 3, 4]}},
        lambda point: 0.8,
        metric="val/acc",
        goal="maximize",
        rows=5,
        name="late",
    ),
    "terminated early": Case(
        "converges.py",
        {"lr": {"values": [0.5, 0.001]}},
        lambda point: 0.5**10 if point["lr"] == 0.5 else None,
        metric="train.loss",
        rows=None,
        status=lambda point: "finished" if point["lr"] == 0.5 else "stopped",
        more={"early_terminate": {"type": "hyperband", "min_iter": 2, "eta": 3}},
    ),
    "nested names": Case(
        "nested_names.py",
        {"x": {"values": [1, 2, 3, 4]}},
        lambda point: 0.2,
        metric="val.acc",
        goal="maximize",
        rows=3,
    ),
    "forks": Case(
        "forks.py", {"x": {"values": [1, 2, 3, 4]}}, lambda point: 16.0, rows=3, command=PYTHON
    ),
    "torch": Case(
        "torch_train.py",
        {"lr": {"values": [0.1, 0.01]}, "activation": {"values": ["relu", "tanh"]}},
        lambda point: None,
        metric="train/loss",
        rows=3,
        config={"epochs": 3, "hidden_size": 16},
    ),
    "scikit-learn": Case(
        "sklearn_train.py",
        {"C": {"values": [0.01, 0.1, 1.0, 10.0]}, "max_iter": {"value": 500}},
        cross_validated,
        metric="cv.mean",
        goal="maximize",
        rows=2,
        command=PYTHON,
    ),
    "hangs": Case(
        "deadlocks.py",
        {"workers": {"values": [0, 2]}, "batch": {"values": [8, 16]}},
        lambda point: None if point["workers"] else 1 / point["batch"],
        rows=None,
        status=lambda point: "failed" if point["workers"] else "finished",
        flags=("--timeout", "20"),
    ),
}
SLOW = {"terminated early", "torch", "scikit-learn", "hangs", "forks", "nested names", "JSON file"}
"""The sweeps of the tier `slow`."""
