"""Sweep files as people write them, and what becomes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from dlsweep.config import ConfigError
from dlsweep.sweep.file import (
    METRICS,
    Hyperband,
    Metric,
    SweepFile,
    load_sweep,
    metric_name,
    parse_sweep,
)

REPOSITORY = Path(__file__).resolve().parents[3]


def load(tmp_path: Path, text: str) -> SweepFile:
    path = tmp_path / "my-sweep.yaml"
    path.write_text(text, encoding="utf-8")
    return load_sweep(path)


def values(sweep: SweepFile) -> dict[str, Any]:
    return {name: d.support() for name, d in sweep.parameters.items()}


def test_main_job() -> None:
    sweep = load_sweep(REPOSITORY / "sweep.yaml")
    assert sweep.size == 11_664
    assert sweep.notices == ()
    assert (sweep.method, sweep.metric, sweep.run_cap) == ("random", Metric(), 448)
    assert values(sweep) == {
        "activation": ("sigmoid", "tanh", "relu"),
        "batch_size": (16, 32, 64),
        "dataset": ("fashion_mnist",),
        "epochs": (5, 10),
        "hidden_size": (32, 64, 128),
        "learning_rate": (0.001, 0.0001),
        "num_layers": (3, 4, 5),
        "optimizer": ("sgd", "momentum", "nesterov", "rmsprop", "adam", "nadam"),
        "weight_decay": (0.0, 0.0005, 0.5),
        "weight_init": ("random", "xavier"),
    }
    assert sweep.raw["program"] == "train.py"
    assert sweep.raw["command"] == ["${env}", "${interpreter}", "${program}", "${args}"]


def test_main_job_means_the_same_to_wandb() -> None:
    """W&B reads YAML 1.1: every value of sweep.yaml must be the same number there."""
    text = (REPOSITORY / "sweep.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(text) == load_sweep(REPOSITORY / "sweep.yaml").raw


def test_course_file_with_other_names(tmp_path: Path) -> None:
    sweep = load(
        tmp_path,
        """
program: train.py
project: DA6401_Assignment1
entity: someone
method: bayes
name: "Assignment 1: sweep"
metric:
  goal: Maximize
  name: val_acc
command: ["${env}", python3, "${program}", "${args}"]
parameters:
  wandb_project: {value: DA6401_Assignment1}
  num_epochs: {values: [5, 8, 10]}
  hidden_layers: {values: [2, 3, 4]}
  hidden_layer_size: {values: [16, 32]}
  lr: {values: [1e-3, 1e-4]}
  Weight-Decay: {values: [0, 5e-4, 0.5]}
  optimizer: {values: [sgd, momentum, nag, rmsprop, adam, nadam]}
  activation_function: {values: [sigmoid, tanh, ReLU, Linear]}
  initializer: {values: [random, Xavier, glorot_uniform]}
  loss_function: {values: [cross_entropy_loss, MSE]}
""",
    )
    assert (sweep.name, sweep.project, sweep.entity) == (
        "Assignment 1: sweep",
        "DA6401_Assignment1",
        "someone",
    )
    assert sweep.metric == Metric("val_accuracy", "maximize")
    found = values(sweep)
    assert found["learning_rate"] == (0.001, 0.0001)
    assert found["weight_decay"] == (0.0, 0.0005, 0.5)
    assert found["activation"] == ("sigmoid", "tanh", "relu", "identity")
    assert found["weight_init"] == ("random", "xavier")
    assert found["loss"] == ("cross_entropy", "mean_squared_error")
    assert found["optimizer"][2] == "nesterov"
    for notice in (
        "metric val_acc was taken for val_accuracy",
        "num_epochs was taken for epochs",
        "hidden_layers was taken for num_layers",
        "hidden_layer_size was taken for hidden_size",
        "lr was taken for learning_rate",
        "activation_function was taken for activation",
        "initializer was taken for weight_init",
        "loss_function was taken for loss",
        "optimizer: nag was taken for nesterov",
        "loss: cross_entropy_loss was taken for cross_entropy",
        "weight_init: 'glorot_uniform' is listed twice and counts once",
    ):
        assert notice in sweep.notices
    assert not any("Weight-Decay" in notice for notice in sweep.notices)


def test_lists_of_sizes_say_the_number_of_layers(tmp_path: Path) -> None:
    sweep = load(
        tmp_path,
        """
method: bayes
metric: {name: Accuracy, goal: maximize}
parameters:
  activation: {values: ["relu", "sigmoid"]}
  learning_rate: {distribution: log_uniform_values, min: 1e-4, max: 0.1}
  momentum: {distribution: uniform, min: 0.5, max: 0.99}
  weight_decay: {distribution: uniform, min: 0, max: 1e-3}
  hidden_size: {values: [[784], [32, 64, 128], 128]}
""",
    )
    assert sweep.metric.name == "val_accuracy"
    assert "metric Accuracy was taken for val_accuracy" in sweep.notices
    space = sweep.space
    layers = set()
    for index in range(40):
        config = space.config(space.random(0, index))
        assert 0 <= config.weight_decay <= 1e-3
        layers.add((config.hidden_size, config.num_layers))
    assert layers == {((784,), 1), ((32, 64, 128), 3), (128, 3)}
    assert (
        "hidden_size: 128 is the size of each of num_layers layers; write [128] for one layer of it"
    ) in sweep.notices


def test_json_style_keys_and_nesting(tmp_path: Path) -> None:
    sweep = load(
        tmp_path,
        """
Method: Random_Search
Metric: {Name: validation/accuracy, Goal: MAX}
runCap: 20
earlyTerminate: {Type: HyperBand, maxIter: 27, S: 2, eta: 3}
parameters:
  optimizer:
    parameters:
      name: {values: [adam]}
      learning_rate: {Distribution: LogUniformValues, Min: "1e-4", MAX: 0.1}
  model:
    parameters:
      hidden-size: {distribution: q-uniform, min: 16, max: 64, q: 16}
""",
    )
    assert (sweep.method, sweep.run_cap) == ("random", 20)
    assert sweep.early_terminate == Hyperband(max_iter=27, s=2)
    assert list(sweep.parameters) == ["hidden_size", "learning_rate", "optimizer"]
    assert sweep.parameters["hidden_size"].support() == (16, 32, 48, 64)
    assert "method: Random_Search was taken for random" in sweep.notices
    assert "metric.goal: MAX was taken for maximize" in sweep.notices
    assert "metric validation/accuracy was taken for val_accuracy" in sweep.notices


def test_yaml_1_1_words_and_numbers(tmp_path: Path) -> None:
    text = """
method: grid
metric: {name: val_loss}
parameters:
  lr_schedule: {values: [no, cosine]}
  early_stopping: {values: [off, 3]}
  batch_norm: {values: [yes, no]}
  learning_rate: {values: [1e-3, 1E-4, .5]}
"""
    sweep = load(tmp_path, text)
    expected = {
        "batch_norm": (True, False),
        "early_stopping": (None, 3),
        "learning_rate": (0.001, 0.0001, 0.5),
        "lr_schedule": ("constant", "cosine"),
    }
    assert values(sweep) == expected
    assert sweep.metric == Metric("val_loss", "minimize")
    # A mapping that PyYAML's own loader has read, with text for 1e-3 and booleans for yes and no.
    given = yaml.safe_load(text.replace("[no, cosine]", "[constant, cosine]"))
    assert given["parameters"]["learning_rate"]["values"][0] == "1e-3"
    assert values(parse_sweep(given)) == expected


def test_a_key_that_holds_what_is_referred_to_is_a_notice(tmp_path: Path) -> None:
    sweep = load(
        tmp_path,
        "rates: &rates {values: [0.1, 0.01]}\ncommon: &common {epochs: {value: 1}}\nmethod: grid\n"
        "metric: {name: val_accuracy, goal: maximize}\n"
        "parameters: {learning_rate: *rates, <<: *common}",
    )
    assert values(sweep) == {"epochs": (1,), "learning_rate": (0.1, 0.01)}
    why = "no effect but where it is referred to"
    assert sweep.notices == (f"rates: {why}", f"common: {why}")


def test_runs_of_several_losses_are_not_compared_by_their_loss(tmp_path: Path) -> None:
    text = "method: grid\nparameters: {loss: {values: [mse, cross_entropy]}}\nmetric: {name: "
    [_, notice] = load(tmp_path, text + "val_loss, goal: minimize}").notices
    assert "cross_entropy and mean_squared_error cannot be compared" in notice
    assert len(load(tmp_path, text + "val_accuracy, goal: maximize}").notices) == 1


def test_a_missing_goal_is_maximize_for_an_accuracy(tmp_path: Path) -> None:
    head = "method: random\nparameters: {epochs: {values: [1, 2]}}\n"
    sweep = load(tmp_path, head + "metric: {name: val_accuracy}\n")
    assert sweep.metric.goal == "maximize"
    assert any("W&B would minimize" in notice for notice in sweep.notices)
    assert load(tmp_path, head + "metric: {name: val_loss}\n").metric.goal == "minimize"
    sweep = load(tmp_path, head)
    assert sweep.metric == Metric()
    assert sweep.notices == ("metric: missing; val_accuracy is maximized",)
    sweep = load(tmp_path, head + "metric: {name: val_accuracy, goal: minimize}\n")
    assert sweep.metric.goal == "minimize"
    assert sweep.notices == ("metric.goal: minimize val_accuracy looks for the worst runs",)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        *((s, "val_accuracy") for s in ("val_acc", "valid_accuracy", "validation_accuracy")),
        *((s, "val_accuracy") for s in ("val/accuracy", "val.acc", "accuracy", "Accuracy", "acc")),
        *((s, "val_loss") for s in ("validation_loss", "valid/loss", "loss_val", "loss")),
        *((s, "test_accuracy") for s in ("test_acc", "Test Accuracy")),
        ("train_acc", "train_accuracy"),
        ("best_val_acc", "best_val_accuracy"),
        *((name, name) for name in METRICS),
        ("f1", "val_f1"),
        ("test_macro_f1", "test_f1"),
        ("Test F1-score", "test_f1"),
        ("train_f1", None),
    ],
)
def test_metric_names(spelling: str, name: str | None) -> None:
    assert metric_name(spelling) == name


def test_whole_numbers_for_a_decimal_setting_are_said(tmp_path: Path) -> None:
    sweep = load(tmp_path, "method: random\nparameters: {learning_rate: {min: 0, max: 1}}\n")
    assert sweep.parameters["learning_rate"].name == "int_uniform"  # as W&B
    assert any("only whole numbers are drawn" in notice for notice in sweep.notices)


def test_exponents_are_said(tmp_path: Path) -> None:
    text = "method: random\nparameters: {lr: {distribution: log_uniform, min: -7, max: -2}}\n"
    assert any("from 0.000912 to 0.135" in notice for notice in load(tmp_path, text).notices)


def test_defaults_of_the_schema_are_said(tmp_path: Path) -> None:
    text = "method: random\nparameters: {lr: {distribution: log_normal, mu: -5}}\n"
    sweep = load(tmp_path, text)
    assert sweep.parameters["learning_rate"].as_dict() == {
        "distribution": "log_normal",
        "mu": -5.0,
        "sigma": 1.0,
    }
    assert "learning_rate: log_normal without sigma: W&B's sigma 1 is taken" in sweep.notices


def test_draws_outside_a_setting_are_said(tmp_path: Path) -> None:
    text = "method: random\nparameters: {lr: {distribution: normal, mu: 1, sigma: 1}}\n"
    assert any("about 16 % of what normal draws" in n for n in load(tmp_path, text).notices)


def test_some_combinations_contradict(tmp_path: Path) -> None:
    sweep = load(
        tmp_path,
        """
method: grid
parameters:
  hidden_size: {values: [128, [64, 32]]}
  num_layers: {values: [2, 3]}
  epochs: {values: [1, 2]}
""",
    )
    assert sweep.size == 6
    assert any(
        n.startswith("1 of 4 combinations of hidden_size, num_layers") for n in sweep.notices
    )


SPACE = {"method": "random", "parameters": {"epochs": {"values": [5, 10]}}}


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"name": "x"}, True),
        ({"run_cap": 3}, True),
        ({"description": "x"}, True),
        ({"project": "p", "command": ["dlsweep", "train", "${args}"]}, True),
        ({"metric": {"name": "val_acc", "goal": "MAXIMIZE"}}, True),
        ({"metric": {"name": "val_accuracy", "goal": "maximize", "target": 0.9}}, True),
        ({"parameters": {"num_epochs": {"values": ["5", 10.0]}}}, True),
        ({"parameters": {"epochs": {"values": [5, 10], "distribution": "categorical"}}}, True),
        ({"method": "grid"}, False),
        ({"metric": {"name": "val_loss"}}, False),
        ({"metric": {"name": "val_accuracy", "goal": "minimize"}}, False),
        ({"parameters": {"epochs": {"values": [5, 11]}}}, False),
        ({"parameters": {"epochs": {"values": [5, 10]}, "seed": {"value": 1}}}, False),
    ],
)
def test_fingerprint_is_the_search(change: dict[str, Any], same: bool) -> None:
    assert (parse_sweep(SPACE | change).fingerprint == parse_sweep(SPACE).fingerprint) is same


def test_fingerprint_stays() -> None:
    """A study in someone's database must still be found by a later version."""
    assert load_sweep(REPOSITORY / "sweep.yaml").fingerprint == "0c352b99"


def test_canonical_form_is_read_back(tmp_path: Path) -> None:
    sweep = load(
        tmp_path,
        """
method: bayes
description: all kinds
run_cap: 9
project: p
metric: {name: val_acc, goal: maximize, target: 0.9}
early_terminate: {type: hyperband, min_iter: 2, eta: 4, strict: true}
parameters:
  conv_layers: {values: ["16x5x5/2,8x3x3/1", [[8, 3]]]}
  hidden_size: {values: [[64, 32], 128]}
  model: {value: cnn}
  epochs: {values: [1, 2], probabilities: [0.25, 0.75]}
  batch_size: {min: 16, max: 64}
  learning_rate: {distribution: q_log_uniform_values, min: 0.01, max: 0.1, q: 0.01}
  dropout: {distribution: beta, a: 2, b: 5}
""",
    )
    again = parse_sweep(sweep.as_dict(), name="other")
    assert again.as_dict() == sweep.as_dict()
    assert again.fingerprint == sweep.fingerprint
    assert again.parameters == sweep.parameters
    assert again.early_terminate == Hyperband(min_iter=2, eta=4.0, strict=True)
    assert (again.name, again.metric, again.run_cap) == ("my-sweep", sweep.metric, 9)


def test_a_stopping_rule_needs_a_metric_of_every_epoch() -> None:
    rule = {"type": "hyperband", "min_iter": 2}
    for name, told in (("test_accuracy", True), ("val_loss", False)):
        goal = "minimize" if name.endswith("loss") else "maximize"
        sweep = parse_sweep(
            {
                "method": "random",
                "metric": {"name": name, "goal": goal},
                "parameters": {"epochs": {"values": [2, 3]}},
                "early_terminate": rule,
            }
        )
        notice = (
            f"early_terminate: no effect, for {name} is known at the end of a run only; it needs a "
            "metric of every epoch, such as val_accuracy"
        )
        assert (notice in sweep.notices) == told


@pytest.mark.parametrize(
    ("more", "notices"),
    [
        ("{conv_layers: {values: [4x3, 8x3]}}", ["conv_layers: no effect without model cnn"]),
        ("{conv_layers: {value: 4x3}, model: {values: [feedforward, cnn]}}", []),
        (
            "{momentum: {min: 0.1, max: 0.9}, optimizer: {values: [sgd, adam]}}",
            ["momentum: no effect without optimizer momentum or nesterov"],
        ),
        ("{momentum: {value: 0.9}}", []),  # the default
    ],
)
def test_parameters_that_no_run_heeds(tmp_path: Path, more: str, notices: list[str]) -> None:
    head = "method: random\nmetric: {name: val_accuracy, goal: maximize}\n"
    sweep = load(tmp_path, f"{head}parameters: {more}\n")
    assert [notice for notice in sweep.notices if "no effect" in notice] == notices


def test_keys_that_wandb_ignores_are_notices(tmp_path: Path) -> None:
    sweep = load(
        tmp_path,
        """
method: random
metric: {name: val_accuracy, goal: maximize}
count: 5
seed: 3
x-notes: for later
rates: &rates {values: [0.1, 0.01]}
parameters:
  learning_rate: *rates
""",
    )
    assert sweep.parameters["learning_rate"].support() == (0.1, 0.01)
    said = " ".join(sweep.notices)
    for words in ("count: no effect", "--count", "seed: no effect", "x-notes", "rates: no effect"):
        assert words in said


MODEL = """
from typing import Literal
from torch import nn

class Net(nn.Module):
    def __init__(self, image_shape, num_classes, width: int = 16, kind: Literal["a", "b"] = "a",
                 hidden_size: int = 7):
        super().__init__()
"""


def test_settings_of_a_model_of_ones_own_are_swept(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(MODEL)
    path = tmp_path / "net.py"
    text = "method: grid\nmetric: {name: val_accuracy, goal: maximize}\nparameters:\n"
    text += f"  model: {{value: '{path}:Net'}}\n"
    good = "  width: {values: [8, 16]}\n  hidden_size: {values: [3, 4]}\n"
    sweep = load(tmp_path, text + good)
    configs = [sweep.space.config(sweep.space.random(0, i)) for i in range(40)]
    assert {(c["width"], c["hidden_size"]) for c in configs} == {(8, 3), (8, 4), (16, 3), (16, 4)}
    assert {c["kind"] for c in configs} == {"a"}
    assert all(sweep.space.restore(c.as_dict()) == c for c in configs)
    assert len({sweep.space.identity(c) for c in configs}) == 4
    for wrong, problem in (
        ("  widht: {value: 8}\n", "widht: no such setting; did you mean 'width'?"),
        ("  width: {values: [8, x]}\n", "width: got 'x', expected an integer"),
        ("  kind: {value: c}\n", "kind: got 'c', not a known choice; choose from a, b"),
    ):
        with pytest.raises(ConfigError) as refused:
            load(tmp_path, text + wrong)
        assert refused.value.problems == (problem,)
