"""Sweep files of any program: what is read in them, and what the program then gets."""

from __future__ import annotations

import json
import math
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dlsweep.config import ConfigError
from dlsweep.sweep.file import (
    Hyperband,
    Metric,
    Settings,
    SweepFile,
    load_sweep,
    metric_name,
    objective,
    parse_sweep,
)
from tests.conftest import REPOSITORY
from tests.wandb_server import WandbServer, wandb_cli

ODD_VALUES: dict[str, list[Any]] = {
    "booleans": [True, False],
    "alike": [1, 1.0, True, "1", "true", "1.0"],
    "zeros": [0, 0.0, -0.0, False],
    "nothing": [None, "null", "None", ""],
    "lists": [[1, 2], "[1, 2]", [], [[1], [True]], [1.0, 2]],
    "mappings": [{"b": 1, "a": {"c": None}}, {}, '{"a": 1}'],
    "texts": ["two  words", "it's", 'a "quoted" word', "é ✓ 漢", "--lr", "a=b", "$HOME", "${args}"],
    "numbers": [-1, 1e-05, 1e20, 10**20, 0.1 + 0.2, "1e-3", "007"],
    "infinite": [math.inf, -math.inf, "inf", "Infinity"],
    "not a number": [math.nan, "nan", "NaN"],
    "one": ["one"],
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a program."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("import wandb\nwandb.init()\n")
    return tmp_path


def program(parameters: dict[str, Any], method: str = "grid", **more: Any) -> SweepFile:
    written = {"method": method, "program": "mine.py", "metric": {"name": "loss"}}
    return parse_sweep({**written, "parameters": parameters, **more})


def load(text: str) -> SweepFile:
    path = Path("my-sweep.yaml")
    path.write_text(text, encoding="utf-8")
    return load_sweep(path)


def points(sweep: SweepFile) -> list[Settings]:
    """The configurations of a grid, in order."""
    found = [sweep.space.config(sweep.space.at(i)) for i in range(sweep.size or 0)]
    return [config for config in found if isinstance(config, Settings)]


def refused(written: dict[str, Any], **how: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse_sweep(written, **how)
    return caught.value.problems


# Parameters


@pytest.mark.parametrize("kind", ODD_VALUES)
def test_any_value_stays_what_it_is(kind: str):
    values = ODD_VALUES[kind]
    sweep = program({"x": {"values": values}, "y": {"value": values[-1]}})
    assert sweep.size == len(values)
    for value, config in zip(values, points(sweep), strict=True):
        assert repr(config.as_dict()) == repr({"x": value, "y": values[-1]})


@pytest.mark.parametrize("kind", ODD_VALUES)
def test_coordinates_and_configurations_survive_a_study(kind: str):
    group = {"parameters": {"y": {"value": 1}}}
    sweep = program({"x": {"values": ODD_VALUES[kind]}, "group": group})
    seen = set()
    for index in range(sweep.size or 0):
        coordinates = sweep.space.at(index)
        stored = json.loads(json.dumps(coordinates))
        assert all(v is None or isinstance(v, str | int | float) for v in stored.values())
        config = sweep.space.config(stored)
        restored = sweep.space.restore(json.loads(json.dumps(config.as_dict())))
        assert restored is not None
        assert repr(restored) == repr(config)
        assert sweep.space.locate(restored) == coordinates
        seen |= {sweep.space.identity(config), json.dumps(coordinates)}
        assert sweep.space.identity(config) == sweep.space.identity(restored.as_dict())
    assert len(seen) == 2 * sweep.size or len(ODD_VALUES[kind]) == 1


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"program": None, "command": ["./run.sh", "${envvar:HOME}", "${args_json}"]},
        {"metric": {"name": "val/acc", "goal": "maximize", "target": 0.5}},
        {"metric": None},
        {"name": "a name", "project": "p", "run_cap": 3, "description": "what it is"},
        {"early_terminate": {"type": "hyperband", "min_iter": 2}},
    ],
)
def test_what_a_study_stores_is_read_back_as_the_same_sweep(more: dict[str, Any]):
    parameters: dict[str, Any] = {k: {"values": values} for k, values in ODD_VALUES.items()}
    del parameters["not a number"]  # which is not equal to itself
    parameters |= {
        "lr": {"distribution": "log_uniform_values", "min": "1e-4", "max": 0.1},
        "batch": {"distribution": "q_log_uniform_values", "min": 8, "max": 64, "q": 8},
        "step": {"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.25},
        "layers": {"min": 1, "max": 5},
        "weighted": {"values": ["a", {"b": 1}], "probabilities": [0.25, 0.75]},
        "optimizer": {
            "parameters": {
                "name": {"values": ["sgd", "adam"]},
                "betas": {"parameters": {"one": {"value": [0.9]}, "two.dots": {"value": None}}},
            }
        },
    }
    written = {"method": "random", "program": "mine.py", "metric": {"name": "loss"}}
    sweep = parse_sweep({**written, "parameters": parameters, **more}, "named", builtin=False)
    again = parse_sweep(json.loads(json.dumps(sweep.as_dict())), builtin=False)
    assert again == sweep
    assert repr(again.parameters) == repr(sweep.parameters)  # in which 1 and true differ
    assert again.fingerprint == sweep.fingerprint
    assert again.paths == {
        "optimizer.name": ("optimizer", "name"),
        "optimizer.betas.one": ("optimizer", "betas", "one"),
        "optimizer.betas.two.dots": ("optimizer", "betas", "two.dots"),
    }
    for index in range(20):
        coordinates = sweep.space.random(1, index)
        assert repr(again.space.config(coordinates)) == repr(sweep.space.config(coordinates))


def test_parameters_may_have_any_name_in_the_order_of_names():
    names = ["width", "Lr", "method", "epochs", "a b", "é"]
    sweep = program({name: {"value": 1} for name in names})
    assert list(sweep.parameters) == ["Lr", "a b", "epochs", "method", "width", "é"]
    assert sweep.notices == ("metric.goal: missing; loss is minimized, as W&B does",)
    assert sweep.size == 1


def test_nested_parameters_reach_the_program_nested():
    sweep = program(
        {
            "opt": {"parameters": {"lr": {"values": [0.1, 0.2]}, "name": {"value": "sgd"}}},
            "a.b": {"value": 1},
        }
    )
    first, second = points(sweep)
    assert first.as_dict() == {"a.b": 1, "opt.lr": 0.1, "opt.name": "sgd"}
    assert second.nested() == {"a.b": 1, "opt": {"lr": 0.2, "name": "sgd"}}


def test_names_that_would_be_one_are_refused():
    parameters = {"a.b": {"value": 1}, "a": {"parameters": {"b": {"value": 2}}}}
    written = {"method": "grid", "program": "mine.py", "parameters": parameters}
    assert refused(written) == ("a.b is given twice, nested and with a dot in its name",)


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ({"min": 1, "max": 1}, "x: got min 1 and max 1, expected min < max"),
        ({"min": 1, "max": 2.5}, "x: got min 1 and max 2.5, a whole number and a decimal one; "),
        ({"values": []}, "x.values: got an empty list, expected at least one value"),
        ({"values": "1 2"}, "x.values: got '1 2', expected a list; write values: [1, 2]"),
        ({"values": [1, 2], "probabilities": [0.5]}, "x.probabilities: got 1, expected one for"),
        ({"values": [1, 2], "probabilities": [0.5, 1]}, "x.probabilities: they sum to 1.5"),
        ({"distribution": "norm"}, "x.distribution: got 'norm', not a distribution; did you mean"),
        ({"min": 0.0, "max": 1.0, "mu": 1}, "x.mu: does not belong to uniform"),
        ({"distribution": "log_uniform_values", "min": 0, "max": 1}, "x.min: got 0, expected"),
        (0.1, "x: got 0.1; write {value: 0.1}"),
    ],
)
def test_a_wrong_distribution_is_one_line(spec: Any, line: str):
    written = {"method": "random", "program": "mine.py", "parameters": {"x": spec}}
    [problem] = refused(written)
    assert problem.startswith(line)


def test_a_grid_lists_what_wandb_lists():
    step = {"distribution": "q_uniform", "min": 8, "max": 32, "q": 8}
    sweep = program({"x": step, "y": {"min": 1, "max": 2}})
    assert [c.as_dict() for c in points(sweep)] == [
        {"x": x, "y": y} for x in (8, 16, 24) for y in (1, 2)
    ]
    assert {type(c.values["x"]) for c in points(sweep)} == {int}
    [*halves] = points(program({"x": {**step, "q": 8.0}}))
    assert [repr(c.values["x"]) for c in halves] == ["8.0", "16.0", "24.0"]


@pytest.mark.parametrize(("q", "kind"), [(2, int), (2.0, float), (None, int)])
def test_a_step_that_is_a_whole_number_makes_whole_numbers(q: float | None, kind: type):
    spec = {"distribution": "q_normal", "mu": 10, "sigma": 3} | ({"q": q} if q else {})
    for distribution in (spec, {**spec, "distribution": "q_log_normal", "mu": 3, "sigma": 1}):
        space = program({"x": distribution}, "random").space
        values = [space.config(space.random(0, i)).as_dict()["x"] for i in range(50)]
        assert {type(value) for value in values} == {kind}
        assert len(set(values)) > 3


def test_what_a_sampler_makes_of_whole_numbers_stays_whole():
    space = program({"x": {"distribution": "q_uniform", "min": 0, "max": 8, "q": 2}}, "bayes").space
    config = space.config({"x": 4.0})
    assert repr(config.as_dict()) == "{'x': 4}"


# YAML

HEAD = "program: mine.py\nmethod: grid\nmetric: {name: loss, goal: minimize}\nparameters:\n"


def test_values_are_those_that_wandb_reads_in_the_file():
    text = HEAD + (
        "  lr: {values: [1e-3, 1.0e-3, 5E2]}\n  word: {values: [no, on, off, 'no', ~]}\n"
        "  number: {values: [0x10, 014, 1_000, 1:30, .5, '5']}\n  when: {value: 2020-01-02}\n"
        "  1: {value: on}\n"
    )
    sweep = load(text)
    values = {name: list(d.support() or ()) for name, d in sweep.parameters.items()}
    wandb = yaml.safe_load(text)["parameters"]
    for name in ("lr", "word", "number"):
        assert repr(values[name]) == repr(list(dict.fromkeys(wandb[name]["values"])))
    assert values["lr"] == ["1e-3", 0.001, "5E2"]
    assert (values["1"], values["when"]) == ([True], ["2020-01-02"])
    assert sweep.raw == yaml.safe_load(text)
    assert sweep.notices[-1] == (
        "lr: 1e-3 is text in YAML 1.1, as W&B reads it; write 0.001 or 1.0e-3 for a number"
    )
    assert sum("YAML 1.1" in notice for notice in sweep.notices) == 1


@pytest.mark.parametrize(
    ("written", "meant"),
    [("1e-3", "0.001 or 1.0e-3"), ("2.5e4", "25000.0 or 2.5e+4"), ("1E-20", "1.0e-20")],
)
def test_the_notice_of_a_text_shows_numbers_of_yaml_1_1(written: str, meant: str):
    [notice] = load(HEAD + f"  a: {{parameters: {{b: {{value: [x, {written}]}}}}}}\n").notices
    assert notice == (
        f"a.b: {written} is text in YAML 1.1, as W&B reads it; write {meant} for a number"
    )
    for number in meant.split(" or "):
        assert yaml.safe_load(number) == float(written)


def test_text_in_quotes_is_meant():
    assert load(HEAD + "  a: {value: '1e-3'}\n  b: {value: \"1e-3\"}\n").notices == ()


def test_limits_written_as_text_are_numbers():
    text = HEAD.replace("grid", "random")
    sweep = load(text + "  a: {min: 1e-4, max: 1e-1}\n")
    assert sweep.parameters["a"].as_dict() == {"distribution": "uniform", "min": 1e-4, "max": 0.1}
    assert sweep.notices == ()


def test_a_key_twice_in_the_file_is_refused():
    with pytest.raises(ConfigError, match="line 6, column 3: a is given twice"):
        load(HEAD + "  a: {value: 1}\n  a: {value: 2}\n")


PASSES_ON = """
import json, sys
from pathlib import Path
Path("seen.json").write_text(json.dumps(sys.orig_argv))
"""

ODD_FILE = """
program: mine.py
method: grid
metric: {name: loss, goal: minimize}
command:
- ${env}
- ${interpreter}
- ${program}
- ${args}
- ${args_json}
- ${args_no_boolean_flags}
- ${args_no_hyphens}
parameters:
  a_number: {value: 1e-3}
  a_word: {value: no}
  b_number: {value: 1.0e-3}
  c_number: {value: 014}
  d_number: {value: -1.5e+30}
  e_none: {value: ~}
  f_list: {value: [1, 2.5, 'a b', null, [on]]}
  g_mapping: {value: {b: {c: 1.0e-7}, 1: it's}}
  h_unicode: {value: é ✓ 漢}
  i_spaces: {value: 'two  words '}
  j_quotes: {value: 'a "quoted" word'}
  k_variable: {value: $HOME}
  l_infinite: {value: .inf}
  m_whole: {value: 1.0}
  nested:
    parameters:
      deep: {parameters: {x.y: {value: -0.0}}}
      lr: {value: 0.1}
  values: {values: [on]}
"""


def test_a_program_gets_what_it_gets_from_wandb_agent(wandb_server: WandbServer, folder: Path):
    (folder / "mine.py").write_text(PASSES_ON)
    theirs = wandb_server.add_sweep(yaml.safe_load(ODD_FILE))
    agent = wandb_cli("agent", f"{theirs.entity}/{theirs.project}/{theirs.id}", cwd=folder)
    assert agent.returncode == 0, agent.stdout
    seen = json.loads((folder / "seen.json").read_text())

    sweep = load(ODD_FILE)
    [config] = points(sweep)
    assert sweep.command is not None
    words = sweep.command.arguments(config.nested(), folder / "point.json")
    assert words[1:] == seen
    again = parse_sweep(json.loads(json.dumps(sweep.as_dict())), builtin=False)
    assert sweep.command.arguments(points(again)[0].nested(), folder / "point.json") == words


# Metric


@pytest.mark.parametrize(
    ("written", "metric", "notices"),
    [
        ({"name": "Accuracy", "goal": "maximize"}, ("Accuracy", "maximize", None), ()),
        ({"name": "val/acc.top 1", "goal": "MIN"}, ("val/acc.top 1", "minimize", None), None),
        (
            {"name": "acc", "target": "1e-3"},
            ("acc", "minimize", 0.001),
            ("metric.goal: missing; acc is minimized, as W&B does",),
        ),
        (None, ("", "minimize", None), ("metric: missing; the runs are not ranked",)),
    ],
)
def test_a_metric_has_the_programs_own_name(
    written: Any, metric: tuple[Any, ...], notices: tuple[str, ...] | None
):
    sweep = program({"x": {"value": 1}}, metric=written)
    assert sweep.metric == Metric(*metric, summary_first=True)
    assert notices is None or sweep.notices == notices


@pytest.mark.parametrize(
    ("metric", "line"),
    [
        ({"goal": "minimize"}, "metric.name: missing; write the name under which the program"),
        ({"name": ""}, "metric.name: got '', or"),
        ({"name": ["a"]}, "metric.name: got [a]; write the name under which the program logs it"),
        ("loss", "metric: got 'loss', expected {name: loss, goal: minimize}"),
        ({"name": "a", "goal": "best"}, "metric.goal: got 'best', not a goal"),
        ({"name": "a", "target": "high"}, "metric.target: got 'high', expected a number"),
    ],
)
def test_a_wrong_metric_is_one_line(metric: Any, line: str):
    written = {"method": "grid", "program": "mine.py", "parameters": {"x": {"value": 1}}}
    [problem] = refused({**written, "metric": metric})
    assert problem.startswith(line.split(", or")[0])


@pytest.mark.parametrize(
    "more", [{"method": "bayes"}, {"early_terminate": {"type": "hyperband", "min_iter": 2}}]
)
def test_a_search_that_needs_a_metric_says_so(more: dict[str, Any]):
    written = {"method": "random", "program": "mine.py", "parameters": {"x": {"value": 1}}}
    [problem] = refused(written | more)
    assert problem.startswith("metric: missing; ")


def test_early_termination_of_any_metric_has_an_effect():
    rule = {"type": "hyperband", "min_iter": 2}
    metric = {"name": "l", "goal": "minimize"}
    sweep = program({"x": {"value": 1}}, metric=metric, early_terminate=rule)
    assert sweep.early_terminate == Hyperband(min_iter=2)
    assert sweep.notices == ()


@pytest.mark.parametrize(
    ("history", "summary", "value"),
    [
        ([{"x": 1}, {"x": 2}, {"y": 3}], {"x": 5}, 5.0),
        ([{"x": 1}, {"x": 2}, {"y": 3}], {"x.max": 5}, 2.0),
        ([{"x": 1}, {"x": 2}], {"x": math.nan}, 2.0),
        ([{"x": 1}, {"x": 2}], {"x": "NaN"}, 2.0),
        ([{"x": 1}, {"x": 2}], {"x": "7"}, 2.0),
        ([{"x": 1}, {"x": math.inf}], {}, None),
        ([{"x": 1}, {"x": True}], {}, None),
        ([{"y": 1}], {"y": 1}, None),
        ([], {}, None),
    ],
)
def test_the_value_is_that_of_wandbs_summary_or_the_last_one(
    history: list[dict[str, Any]], summary: dict[str, Any], value: float | None
):
    assert objective(Metric("x", "minimize", summary_first=True), history, summary) == value


# Which program


def test_built_in_or_a_program_is_decided_by_what_it_is(folder: Path):
    written = {"method": "grid", "parameters": {"epochs": {"values": [1, 2]}}}
    (folder / "renamed.py").write_text((REPOSITORY / "train.py").read_text())
    assert parse_sweep(written).command is None
    assert parse_sweep({**written, "program": "renamed.py"}).command is None
    mine = parse_sweep({**written, "program": "mine.py"})
    assert mine.command is not None
    assert mine.command.program == "mine.py"
    builtin = parse_sweep({**written, "program": "mine.py", "command": "x"}, builtin=True)
    assert builtin.fingerprint == parse_sweep(written).fingerprint
    assert builtin.command is None
    assert parse_sweep({**written, "program": "gone.py"}, builtin=False).command is not None


@pytest.mark.parametrize("builtin", [None, False])
def test_a_default_command_without_a_program_trains_the_built_in(builtin: bool | None):
    written = {"method": "grid", "parameters": {"epochs": {"value": 1}}}
    if builtin is None:
        assert parse_sweep(written).command is None
    else:
        line = "program: missing; the command needs it for ${program}"
        assert refused(written, builtin=False) == (line,)


HINT = "--builtin trains the built-in networks instead"


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ({"program": "mime.py"}, f"program: mime.py: no such file; did you mean mine.py? {HINT}"),
        (
            {"program": "sub/rum.sh"},
            f"program: sub/rum.sh: no such file; did you mean sub/run.sh? {HINT}",
        ),
        ({"program": "qqqqqqqq"}, f"program: qqqqqqqq: no such file; {HINT}"),
        ({"program": "./gone/a.py"}, f"program: ./gone/a.py: no such file; {HINT}"),
        (
            {"program": "qqqqqqqq", "command": ["${program}", "${args}"]},
            f"program: qqqqqqqq: no such file; {HINT}",
        ),
        (
            {"program": "qqqqqqqq", "command": ["${env}", "${program}"]},
            f"program: qqqqqqqq: no such file; {HINT}",
        ),
        ({"command": ["qqqqqqqq", "${args}"]}, f"command: qqqqqqqq: no such program; {HINT}"),
    ],
)
def test_a_program_that_is_not_there_is_one_line(what: dict[str, Any], line: str, folder: Path):
    (folder / "sub").mkdir()
    (folder / "sub" / "run.sh").write_text("echo")
    written = {"method": "grid", "parameters": {"x": {"value": 1}}}
    assert refused({**written, **what}) == (line,)
    assert parse_sweep({**written, **what}, builtin=False).command is not None


@pytest.mark.parametrize(
    "what",
    [
        {"program": "mine.py"},
        {"program": "./mine.py"},
        {"program": "sh", "command": ["${program}", "-c", "true"]},
        {"program": "sh", "command": ["${env}", "${program}", "-c", "true"]},
        {"program": "mine.main", "command": ["${interpreter}", "-m", "${program}"]},
        {"program": "gone.py", "command": ["sh", "${args}"]},
        {"command": ["./mine.py"]},
        {"command": [sys.executable, "-c", "pass"]},
    ],
)
def test_a_program_that_is_there(what: dict[str, Any]):
    written = {"method": "grid", "parameters": {"x": {"value": 1}}}
    assert parse_sweep({**written, **what}).command is not None


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ({"program": 3}, "program: got 3, expected the path of a program"),
        (
            {"command": ["sh", "${program}"]},
            "program: missing; the command needs it for ${program}",
        ),
        ({"program": "gone", "command": "x"}, "command: got 'x', expected a list of words, such"),
    ],
)
@pytest.mark.parametrize("builtin", [None, False])
def test_a_wrong_program_is_one_line(what: dict[str, Any], line: str, builtin: bool | None):
    written = {"method": "grid", "parameters": {"x": {"value": 1}}}
    [problem] = refused({**written, **what}, builtin=builtin)
    assert problem.startswith(line)


def test_a_wrong_command_is_reported_with_everything_else():
    problems = refused({"program": "mine.py", "command": ["${arg}"], "parameters": {"x": 1}})
    assert [line.split(":")[0] for line in problems] == ["method", "command", "x"]


def test_the_fingerprint_says_what_is_run(folder: Path):
    (folder / "other.py").write_text("")
    nested = {"a": {"parameters": {"b": {"value": 1}}}}
    sweeps = [
        parse_sweep({"method": "grid", "parameters": {"a.b": {"value": 1}}, **more})
        for more in (
            {"program": "mine.py"},
            {"program": "other.py"},
            {"program": "mine.py", "command": ["python", "${program}", "${args}"]},
            {"program": "mine.py", "parameters": nested},
            {"program": "mine.py", "parameters": {"a.b": {"value": True}}},
            {"program": "mine.py", "parameters": {"a.b": {"value": 1.0}}},
        )
    ]
    assert len({sweep.fingerprint for sweep in sweeps}) == len(sweeps)


# The command of a built-in sweep


def builtin(words: list[str], **parameters: Any) -> SweepFile:
    parameters = {k: {"values": v} for k, v in parameters.items()}
    command = ["python", "-m", "dlsweep", "train", *words]
    return parse_sweep({"method": "grid", "parameters": parameters, "command": command})


def test_flags_of_the_command_hold_for_every_run():
    sweep = builtin(["--epochs", "3", "-b", "8", "${args}", "-o", "nag"], learning_rate=[0.1, 0.2])
    assert sweep.size == 2
    for index in range(2):
        config = sweep.space.config(sweep.space.at(index))
        assert (config.epochs, config.batch_size, config.optimizer) == (3, 8, "nesterov")
    assert "command: optimizer: nag was taken for nesterov" in sweep.notices
    assert parse_sweep(sweep.as_dict()).fingerprint == sweep.fingerprint


@pytest.mark.parametrize(
    ("words", "epochs", "notice"),
    [
        (
            ["--epochs", "3", "${args}"],
            (1, 2),
            "command: epochs is set before ${args}, so the sweep's count",
        ),
        (
            ["${args}", "-e", "3"],
            (3,),
            "command: epochs is set after ${args}, so the command's holds for every run",
        ),
    ],
)
def test_the_later_of_flag_and_sweep_counts(words: list[str], epochs: Any, notice: str):
    sweep = builtin(words, epochs=[1, 2])
    assert sweep.parameters["epochs"].support() == epochs
    assert notice in sweep.notices


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--epocs", "3", "${args}"], "command: --epocs: no such flag; did you mean --epochs?"),
        (["${args}", "--epochs", "many"], "command: epochs: got 'many', expected"),
        (["${args}", "--help"], "command: --help trains nothing; leave it out"),
    ],
)
def test_a_wrong_flag_of_the_command_is_one_line(words: list[str], line: str):
    with pytest.raises(ConfigError) as caught:
        builtin(words, epochs=[1, 2])
    [problem] = caught.value.problems
    assert problem.startswith(line)


# The command that repeats a run


@pytest.mark.parametrize("kind", ODD_VALUES)
def test_the_command_line_runs_the_program_with_the_same_words(kind: str, folder: Path):
    (folder / "mine.py").write_text("import json, sys\nprint(json.dumps(sys.argv[1:]))")
    command = [sys.executable, "${program}", "${args}", "${args_json}", "a b", "$HOME"]
    sweep = program({"a": {"parameters": {"x": {"values": ODD_VALUES[kind]}}}}, command=command)
    for config in points(sweep)[:2]:
        stored = json.loads(json.dumps(config.as_dict()))
        line = sweep.command_line(stored)
        run = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
        assert sweep.command is not None
        expected = sweep.command.arguments(config.nested(), folder / "unused.json")
        assert json.loads(run.stdout) == expected[2:]


def test_the_command_line_is_what_a_user_would_type(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET", "do not print")
    command = ["${env}", "${interpreter}", "${program}", "--key=${envvar:SECRET}/it's"]
    sweep = program({"lr": {"value": 0.1}}, command=[*command, "${args_json_file}"])
    line = sweep.command_line({"lr": 0.1})
    assert line.endswith(" mine.py --key=\"$SECRET\"'/it'\"'\"'s' settings.json")
    assert not (folder / "settings.json").exists()
    assert shlex.split(line)[0].startswith(("python", "/"))
    builtin_sweep = parse_sweep({"method": "grid", "parameters": {"epochs": {"value": 3}}})
    assert builtin_sweep.command_line({"epochs": 3}) == "dlsweep train --epochs 3"


def test_only_programs_may_have_metrics_that_built_in_runs_do_not_log():
    assert metric_name("reward") is None
    assert program({"x": {"value": 1}}, metric={"name": "reward"}).metric.name == "reward"
    written = {"method": "grid", "parameters": {"epochs": {"value": 1}}}
    [problem] = refused({**written, "metric": {"name": "reward"}})
    assert problem.startswith("metric.name: got 'reward', not logged")
