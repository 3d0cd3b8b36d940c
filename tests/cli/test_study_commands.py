"""`dlsweep train --study` and `dlsweep repeat`: runs that are added to a local study."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from statistics import fmean, stdev

import pytest

from dlsweep.cli import main
from dlsweep.config import RunConfig, parse_flags
from dlsweep.sweep import Study, StudyTable, load_sweep, read_study

pytestmark = pytest.mark.usefixtures("folder")

SMALL = "--dataset digits --epochs 1 --hidden_size 8 --num_layers 1 --figures off"
SWEEP = """
name: small
method: {method}
metric: {{name: val_accuracy, goal: maximize}}
parameters:
  dataset: {{value: digits}}
  epochs: {{value: 1}}
  hidden_size: {{value: 8}}
  num_layers: {{value: 1}}
  figures: {{value: "off"}}
  learning_rate: {{values: [0.01, 0.001, 0.0001]}}
"""


def run(command: str, code: int = 0) -> None:
    assert main(shlex.split(command)) == code


def statuses(table: StudyTable) -> list[tuple[str, str]]:
    return [(row.role, row.status) for row in table.rows]


def test_a_run_makes_its_study_and_equal_settings_are_trained_once(
    capsys: pytest.CaptureFixture[str],
):
    run(f"train {SMALL} --study 'my runs'")
    table = read_study(name="my runs")
    [first] = table.rows
    assert (table.name, first.name, first.status) == ("my-runs", "my-runs-0", "finished")
    assert first.value == first.history[-1]["val_accuracy"]
    assert Path(first.info["directory"]).is_dir()
    out, err = capsys.readouterr()
    assert "epoch 1/1  train_loss " in out
    assert f"my-runs-0 in study my-runs in dlsweep.db, val_accuracy {first.value:.4f}" in out
    assert "upload it with: dlsweep sync my-runs" in err

    run(f"train {SMALL} --study='my runs' --device cpu")  # which changes no result
    assert len(read_study().rows) == 1
    out, err = capsys.readouterr()
    assert "has a run with these settings, which is not trained again" in err
    assert f"test_accuracy {first.summary['test_accuracy']:.4f}" in out

    run(f"train {SMALL} --seed 5 --study my-runs")
    run(f"train {SMALL} --study others")  # a study of its own
    assert [len(read_study(name=name).rows) for name in ("my-runs", "others")] == [2, 1]


def test_a_run_is_added_to_a_sweep_and_its_search_goes_on(capsys: pytest.CaptureFixture[str]):
    Path("s.yaml").write_text(SWEEP.format(method="grid"))
    run("sweep s.yaml --count 1")
    run(f"train {SMALL} --learning_rate 0.001 --study small")  # a point that would be the next
    run(f"train {SMALL} --learning_rate 0.3 --optimizer sgd --study small")  # none of the sweep's
    table = read_study(name="small")
    assert statuses(table) == [("search", "finished"), *[("extra", "finished")] * 2]
    run("sweep s.yaml")
    rates = [row.config["learning_rate"] for row in read_study(name="small").rows]
    assert sorted(rates) == [0.0001, 0.001, 0.01, 0.3]
    before = read_study().rows
    run(f"train {SMALL} --learning_rate 0.01 --study small")
    assert read_study().rows == before


def test_a_run_that_was_interrupted_goes_on_and_what_else_waits_is_left_alone():
    Path("s.yaml").write_text(SWEEP.format(method="grid"))
    flags = shlex.split(f"{SMALL} --learning_rate 0.5")
    wild = RunConfig(**parse_flags(flags)[0])
    with Study.open(load_sweep("s.yaml")) as study:  # as by a process that dies
        study.take(2)
        [run_] = study.add_runs([wild], "extra")
    run(f"train {SMALL} --learning_rate 0.5 --study small")
    *waiting, added = read_study().rows
    assert [row.status for row in waiting] == ["waiting"] * 2
    assert (added.run_id, added.status) == (run_.run_id, "finished")


def test_the_best_are_repeated_over_new_seeds_once(capsys: pytest.CaptureFixture[str]):
    Path("s.yaml").write_text(SWEEP.format(method="random"))
    run("sweep s.yaml --count 3")
    first = read_study()
    capsys.readouterr()
    run("repeat small --top 2 --seeds 3 --workers 1")
    table = read_study()
    new = [row for row in table.rows if row.role == "confirmation"]
    best = [row.number for row in first.ranked()[:2]]
    assert sorted(row.point for row in new) == sorted(best * 3)
    for number in best:
        seeds = {row.config["seed"] for row in new if row.point == number}
        assert len(seeds) == 3
        assert 0 not in seeds  # which chose it
    out = capsys.readouterr().out
    names = {row.number: row.name for row in table.rows}
    for number in best:
        values = [row.value for row in new if row.point == number and row.value is not None]
        [line] = [x.split() for x in out.splitlines() if re.match(rf"\d  {names[number]} ", x)]
        assert line[3:5] == [f"{fmean(values):.4f}", f"{stdev(values):.4f}"]
        assert line[-1] == "3"
    run("runs")
    assert capsys.readouterr().out.count(f"confirms {names[best[0]]}") == 3
    run("repeat --top 2 --seeds 3")
    assert read_study() == table
    assert "all of these runs are there already" in capsys.readouterr().err
    run("repeat --top 1 --seeds 4 --workers 1")
    assert len(read_study().rows) == len(table.rows) + 1


def test_programs_are_repeated_by_the_parameter_that_is_their_seed(
    capsys: pytest.CaptureFixture[str],
):
    Path("mine.py").write_text(
        "import wandb\nrun = wandb.init()\nc = run.config\n"
        "run.log({'loss': c.x + 0.01 * c.random_state})\n"
    )
    Path("p.yaml").write_text(
        "program: mine.py\nmethod: grid\nmetric: {name: loss, goal: minimize}\n"
        "parameters: {x: {values: [1.5, 2.5]}, random_state: {value: 7}}\n"
    )
    run("sweep p.yaml --workers 1")
    capsys.readouterr()
    run("repeat --top 1 --seeds 2", code=2)
    assert "--seed-parameter NAME" in capsys.readouterr().err
    run("repeat --top 1 --seeds 2 --seed-parameter x", code=2)
    assert "x is not a whole number" in capsys.readouterr().err
    run("repeat --top 1 --seeds 2 --seed-parameter random_state --workers 1")
    new = [row for row in read_study().rows if row.role == "confirmation"]
    assert [(row.config["x"], row.config["random_state"]) for row in new] == [(1.5, 8), (1.5, 9)]
    assert [row.value for row in new] == [pytest.approx(1.58), pytest.approx(1.59)]
    run(f"train {SMALL} --study p", code=2)
    assert "--study: p-" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("train --study", "--study: got nothing; it needs a value"),
        ("train --study --epochs 3", "--study: got nothing; it needs a value"),
        ("train --storage x.db", "--storage: says where a --study is; give that too"),
        ("repeat", "storage: no such file dlsweep.db; `dlsweep sweep` makes it"),
        ("repeat --top 0", "--top: got '0', expected an integer ≥ 1"),
        ("repeat x --device gpu7", "device: got 'gpu7'"),
    ],
)
def test_what_cannot_be_added_is_refused(
    command: str, line: str, capsys: pytest.CaptureFixture[str]
):
    run(command, code=2)
    assert line in capsys.readouterr().err
    assert not Path("dlsweep.db").exists()


def test_the_command_alone_prints_its_help(capsys: pytest.CaptureFixture[str]):
    run("")
    out, err = capsys.readouterr()
    assert out.startswith("usage: dlsweep ")
    assert "repeat" in out
    assert err == ""
