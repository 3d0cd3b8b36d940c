"""``variant``: settings that belong together, as one parameter of a sweep."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dlsweep.config import ConfigError, RunConfig, parse_flags
from dlsweep.sweep.file import (
    Command,
    SweepFile,
    ablation,
    as_yaml_file,
    parse_sweep,
    yaml_of,
)
from dlsweep.sweep.study import run_name

STEP = {"optimizer": "SGD", "lr": 0.1, "lr_schedule": "step", "step_size": 10, "gamma": 0.2}
VARIANTS: list[Any] = [{}, {"learning_rate": 0.001}, STEP, {"hidden_size": [64, 32]}]
PARAMETERS: dict[str, Any] = {
    "dataset": {"value": "digits"},
    "learning_rate": {"value": 0.01},
    "variant": {"values": VARIANTS},
    "seed": {"values": [0, 1]},
}


def sweep_of(method: str = "grid", **parameters: Any) -> SweepFile:
    metric = {"name": "val_accuracy", "goal": "maximize"}
    written = {"method": method, "metric": metric, "parameters": {**PARAMETERS, **parameters}}
    return parse_sweep(written, builtin=True)


def test_a_point_has_the_settings_of_its_variant_in_the_place_of_fixed_ones():
    sweep = sweep_of()
    assert sweep.size == 8
    points = [sweep.space.at(i) for i in range(8)]
    configs = [sweep.space.config(point) for point in points]
    base = RunConfig(dataset="digits", learning_rate=0.01)
    assert configs[0] == base
    assert [c["learning_rate"] for c in configs[:4]] == [0.01, 0.001, 0.1, 0.01]
    assert (configs[2]["optimizer"], configs[2]["gamma"]) == ("sgd", 0.2)
    assert (configs[3]["hidden_size"], configs[3]["num_layers"]) == ((64, 32), 2)
    assert [sweep.space.locate(config) for config in configs] == points
    assert len({sweep.space.identity(config) for config in configs}) == 8
    assert sweep.space.locate(RunConfig(dataset="digits", learning_rate=0.5)) is None
    names = [run_name(sweep, config.as_dict(), i) for i, config in enumerate(configs)]
    assert "lr0.001" in names[1]
    assert "variant: lr was taken for learning_rate" in sweep.notices


def test_the_sweep_is_read_back_from_its_own_spelling_and_from_json():
    sweep = sweep_of()
    again = parse_sweep(json.loads(json.dumps(sweep.as_dict())), builtin=True)
    assert again.parameters == sweep.parameters
    assert again.fingerprint == sweep.fingerprint


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_other_methods_draw_variants_too(method: str):
    space = sweep_of(method).space
    rates = {space.config(space.random(0, i))["learning_rate"] for i in range(40)}
    assert rates == {0.01, 0.001, 0.1}


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"variant": {"values": [{"lerning_rate": 1}]}}, "did you mean 'learning_rate'?"),
        ({"variant": {"values": [{"learning_rate": -1}]}}, "expected a number ≥ 0"),
        ({"variant": {"values": [3]}}, "expected settings such as {learning_rate: 0.001}"),
        ({"variant": {"values": [{"seed": 3}]}}, "seed is varied by the sweep as well"),
        ({"variant": {"min": 0.0, "max": 1.0}}, "give values"),
        ({"varient": {"values": [{}]}}, "did you mean 'variant'?"),
        (
            {"variant": {"values": [{}, {"hidden_size": [4, 4], "num_layers": 3}]}},
            "never fits: hidden_size: got 2 sizes",
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_nearest_right_thing(
    parameters: dict[str, Any], problem: str
):
    with pytest.raises(ConfigError, match=r"variant|varient") as refused:
        sweep_of(**parameters)
    assert problem in str(refused.value)


def test_a_metric_that_only_a_variant_logs_is_one_of_the_sweep():
    metric = {"name": "val_reconstruction", "goal": "minimize"}
    parameters = {"variant": {"values": [{}, {"model": "autoencoder"}]}}
    written = {"method": "grid", "metric": metric, "parameters": parameters}
    assert parse_sweep(written, builtin=True).size == 2


@pytest.mark.parametrize("macro", ["${args}", "${args_no_equals}", "${args_json}"])
def test_train_py_understands_what_wandb_agent_writes(macro: str, tmp_path: Any):
    point = {"learning_rate": 0.01, "epochs": 2, "variant": STEP}
    words = Command((macro,)).arguments(point, tmp_path / "settings.json")
    settings, _ = parse_flags(words)
    expected = {"optimizer": "sgd", "learning_rate": 0.1, "epochs": 2}
    assert settings.items() >= expected.items()
    with pytest.raises(ConfigError, match="--variant: got 'step', expected settings"):
        parse_flags(["--variant=step"])


def test_a_program_gets_the_dictionary_as_wandb_hands_it_over(tmp_path: Any):
    written = {
        "method": "grid",
        "program": "mine.py",
        "parameters": {"variant": {"values": [{}, {"x": 1}]}},
    }
    sweep = parse_sweep(written, builtin=False)
    config = sweep.space.config(sweep.space.at(1))
    assert config.as_dict() == {"variant": {"x": 1}}
    assert sweep.command is not None
    assert sweep.command.arguments({"variant": {"x": 1}}, tmp_path)[-1] == "--variant={'x': 1}"


BASE = {"dataset": "digits", "lr": 0.01, "hidden_size": 32, "seed": 5}


def test_an_ablation_changes_one_setting_at_a_time():
    factors = {"learning_rate": [0.1, 0.01], "optimiser": ["SGD", "adam"], "sz": [[16, 8]]}
    together = [{"optimizer": "momentum", "momentum": 0.5}]
    written = ablation(BASE, factors, seeds=2, together=together)
    sweep = parse_sweep(yaml_of(as_yaml_file(written, "what it is")), builtin=True)
    configs = [sweep.space.config(sweep.space.at(i)) for i in range(sweep.size or 0)]
    base = RunConfig(dataset="digits", learning_rate=0.01, hidden_size=32, seed=5)
    different = [
        {name: value for name, value in config.values().items() if value != base[name]}
        for config in configs
        if config["seed"] == 5
    ]
    assert different == [
        {},
        {"optimizer": "momentum", "momentum": 0.5},
        {"learning_rate": 0.1},
        {"optimizer": "sgd"},
        {"hidden_size": (16, 8), "num_layers": 2},
    ]
    assert [config["seed"] for config in configs] == [5] * 5 + [6] * 5


def test_an_ablation_of_a_program_has_its_parameters_and_the_variant():
    parameters = {"lr": {"value": 0.1}, "seed": {"values": [3]}}
    base = {"program": "mine.py", "method": "bayes", "parameters": parameters}
    written = ablation(base, {"lr": [0.2]}, seeds=2)
    assert written["parameters"]["variant"] == {"values": [{"lr": 0.1}, {"lr": 0.2}]}
    assert written["parameters"]["seed"] == {"values": [3, 4]}
    with pytest.raises(ConfigError, match="lrr: no parameter of the base; did you mean 'lr'"):
        ablation(base, {"lrr": [1]})


@pytest.mark.parametrize(
    ("factors", "problem"),
    [
        ({"lerning_rate": [1]}, "did you mean 'learning_rate'"),
        ({"optimizer": ["sdg"]}, "did you mean 'sgd'"),
        ({"learning_rate": [0.01]}, "nothing differs from the base"),
    ],
)
def test_an_ablation_that_cannot_be_is_refused(factors: dict[str, Any], problem: str):
    with pytest.raises(ConfigError, match=problem):
        ablation(BASE, factors)
    with pytest.raises(ConfigError, match="the base of an ablation has one value"):
        ablation({"parameters": {"epochs": {"values": [1, 2]}}}, {"lr": [1]})
