"""`--start`: a configuration that is tried before all others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dlsweep import ConfigError
from dlsweep.sweep.file import parse_sweep
from dlsweep.sweep.local._start import start_point
from dlsweep.sweep.study import Study
from tests.sweep.helpers import history, sweep, train

SPACE: dict[str, Any] = {
    "learning_rate": {"distribution": "log_uniform_values", "min": 0.0001, "max": 1.0},
    "hidden_size": {"values": [[64, 32], 128]},
    "optimizer": {"values": ["sgd", "adam"]},
}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_a_file_is_tried_first_and_once(method: str):
    made = sweep(SPACE, method, run_cap=12)
    Path("mine.yaml").write_text("lr: 0.025\nsz: [64, 32]\n")
    first = start_point(made, "mine.yaml")
    for _ in range(2):  # the same command goes on
        with Study.open(made, first=[first], seed=3) as study:
            runs = train(study, 6, batch=3)
            rows = study.rows()
    config = rows[0].config
    assert (config["learning_rate"], config["hidden_size"], config["optimizer"]) == (
        0.025,
        [64, 32],
        "adam",
    )
    assert len(runs) == 6
    assert len(rows) == 12
    assert sum(row.config["learning_rate"] == 0.025 for row in rows) == 1
    with Study.open(made, "other.db", seed=3) as study:  # the others are drawn as without it
        drawn = [run.config.learning_rate for run in study.take(3)]
    assert [row.config["learning_rate"] for row in rows[1:4]] == drawn


def test_a_run_or_the_best_of_a_study_is_tried_first_also_in_a_grid():
    small = {"learning_rate": {"values": [0.1, 0.2, 0.3]}}
    made = sweep(small, "grid", name="earlier")
    with Study.open(made) as study:
        train(study, 3, score=lambda c: 1 - abs(c.learning_rate - 0.2))
        name, worst = study.name, study.table().ranked()[-1]
    for start, rate in ((name, 0.2), ("earlier", 0.2), (worst.name, worst.config["learning_rate"])):
        grid = {**small, "epochs": {"values": [10, 20]}, "seed": {"value": 9}}
        later = sweep(grid, "grid", name=f"later-{start}")
        with Study.open(later, f"{start}.db", first=[start_point(later, start)]) as study:
            assert study.total == 6
            rates = [run.config for run in study.take(10)]
        assert [c.learning_rate for c in rates].count(rate) == 2
        assert (rates[0].learning_rate, rates[0].epochs, rates[0].seed) == (rate, 10, 9)
        assert len(rates) == 6


def test_a_program():
    written = {"method": "random", "command": ["run"], "parameters": {"x": {"min": 1, "max": 9}}}
    made = parse_sweep(written, builtin=False)
    Path("p.json").write_text(json.dumps({"x": 4, "y": 1}))
    with Study.open(made, first=[start_point(made, "p.json")]) as study:
        [run] = study.take(1)
        assert run.config.as_dict() == {"x": 4}
        study.finish(run, "finished", history(0.5))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("lr: 2.0\noptimizer: nadam\n", ["learning_rate 2.0 is", "optimizer 'nadam' is"]),
        ("learnin: 2.0\n", ["learnin is not a setting"]),
        ("lr: fast\n", ["learning_rate: got 'fast'"]),
        ("[]\n", ["f.yaml holds no settings such as"]),
    ],
)
def test_what_is_not_in_the_space_is_named(text: str, lines: list[str]):
    Path("f.yaml").write_text(text + "hidden_size: 128\n" * (text != "[]\n"))
    with pytest.raises(ConfigError) as refused:
        start_point(sweep(SPACE), "f.yaml")
    problems = sorted(refused.value.problems)
    assert len(problems) == len(lines)
    for problem, line in zip(problems, sorted(lines), strict=True):
        assert line in problem
        assert problem.startswith("--start: ")


def test_a_name_that_is_none():
    with Study.open(sweep(SPACE, name="mine")) as study:
        train(study, 1)
    with pytest.raises(ConfigError, match="'mime' is not a file, run or study; choose from"):
        start_point(sweep(SPACE), "mime")
