"""`dlsweep sweep` and `dlsweep runs`: sweeps without a server, from the first run to the last."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import json
import os
import re
import shlex
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dlsweep.cli import main, train_main
from dlsweep.config import RunConfig
from dlsweep.sweep.execution import _stack_job
from tests.wandb_server import WandbServer

pytestmark = pytest.mark.usefixtures("folder")

GRID = """
name: small grid
method: grid
metric: {name: val_acc, goal: maximize}
parameters:
  dataset: {value: digits}
  epochs: {value: 2}
  hidden_size: {value: 8}
  optimizer: {values: [adam, sgd]}
  lr: {values: [0.01, 0.001]}
"""


@dataclass
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str


def command(arguments: str) -> Done:
    """`dlsweep ARGUMENTS` in this process; a sweep trains in this process too."""
    words = shlex.split(arguments)
    if words[0] == "sweep":
        words += ["--workers", "1"]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    return Done(code, out.getvalue(), err.getvalue())


def sweep(text: str, arguments: str = "", code: int = 0) -> Done:
    """`dlsweep sweep s.yaml ARGUMENTS`, of a file with this text; it must end with this code."""
    Path("s.yaml").write_text(text)
    done = command(f"sweep s.yaml {arguments}")
    assert done.code == code, done.err
    return done


def runs(arguments: str = "") -> list[dict[str, Any]]:
    """The records of `dlsweep runs --format json`, by number."""
    done = command(f"runs --format json {arguments}")
    assert (done.code, done.err) == (0, "")

    def no_json(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    records = json.loads(done.out, parse_constant=no_json)
    return sorted(records, key=lambda record: record["number"])


def settings(records: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(record["config"][name] for name in names) for record in records]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[RunConfig]:
    """The configurations that the engine has been given."""
    found: list[RunConfig] = []
    real = _stack_job.Stack

    def noting(configs: Any, data: Any, **options: Any) -> Any:
        found.extend(configs)
        return real(configs, data, **options)

    monkeypatch.setattr(_stack_job, "Stack", noting)
    return found


def without_time(output: str) -> str:
    """What a sweep says at its end, without the line about the time that it took."""
    lines = output.splitlines(keepends=True)
    kept = [line for line in lines if "runs a minute" not in line]
    assert len(kept) == len(lines) - 1
    return "".join(kept)


def test_grid(trained: list[RunConfig], folder: Path):
    done = sweep(GRID)
    records = runs()
    expected = list(itertools.product(["adam", "sgd"], [0.01, 0.001]))
    assert sorted(settings(records, "optimizer", "learning_rate")) == sorted(expected)
    assert len(trained) == 4
    for record in records:
        assert record["status"] == "finished"
        assert RunConfig(**record["config"]).as_dict() == record["config"]
        assert [epoch["epoch"] for epoch in record["history"]] == [1, 2]
        assert record["value"] == record["history"][-1]["val_accuracy"]
        assert record["summary"]["status"] == "finished"
        place = Path(record["info"]["directory"])
        assert place.parent == folder / "wandb"
        assert place.name.startswith("offline-run-")
        assert list(place.glob(f"run-{record['run_id']}.wandb"))
    assert len({record["info"]["directory"] for record in records}) == 4

    # What is said: notices, then a line for each run, then the table and where everything is.
    first, second, third, *lines = done.err.splitlines()
    assert {first, second} == {
        "dlsweep: s.yaml: metric val_acc was taken for val_accuracy",
        "dlsweep: s.yaml: lr was taken for learning_rate",
    }
    assert third == "dlsweep: training dlsweep's built-in networks, many at a time"
    assert [line.split()[0] for line in lines] == ["1/4", "2/4", "3/4", "4/4"]
    for line, record in zip(lines, sorted(records, key=lambda r: r["finished"]), strict=True):
        assert (
            f" {record['name']} finished val_accuracy {record['value']:.4f}  highest val_accur"
            in line
        )
        assert line.endswith(" left")
    best = max(records, key=lambda record: (record["value"], -record["number"]))
    assert f"best: {best['name']}  val_accuracy {best['value']:.4f}; " in done.out
    kept = [f"{n} {best['summary'][n]:.4f}" for n in ("best_val_accuracy", "test_accuracy")]
    epoch = best["summary"]["best_epoch"]
    assert f"; {kept[0]} and {kept[1]} of its best epoch, {epoch}\n" in done.out
    ranked = re.findall(r"^ *\d+  (\S+)  ", done.out, re.MULTILINE)
    values = {record["name"]: record["value"] for record in records}
    assert [values[name] for name in ranked] == sorted(values.values(), reverse=True)
    assert "small-grid-" in done.out
    assert " in dlsweep.db; runs in wandb\n" in done.out
    [name] = re.findall(r"study (small-grid-\S+) in dlsweep.db", done.out)
    assert f"next: dlsweep runs {name} " in done.out
    assert f" dlsweep report {name} " in done.out
    assert "--count N" not in done.out  # all that there are have been trained
    assert f" dlsweep sync {name} " in done.out
    assert {path.name for path in folder.iterdir()} == {"s.yaml", "dlsweep.db", "wandb"}


def test_the_same_command_again_trains_nothing_twice(trained: list[RunConfig]):
    first = sweep(GRID)
    before = runs()
    trained.clear()
    again = sweep(GRID)
    assert trained == []
    assert runs() == before
    assert again.out == without_time(first.out)
    # Nor does the same search under another name and description, with its keys in other words.
    renamed = GRID.replace("small grid", "other").replace("  lr:", "  learning-rate:")
    sweep(f"description: the same\n{renamed}")
    assert trained == []
    # A different space is a different study.
    sweep(GRID.replace("[0.01, 0.001]", "[0.1]"))
    assert len(trained) == 2
    assert len(runs()) == 2


def test_count_is_of_the_whole_sweep(trained: list[RunConfig]):
    text = GRID.replace("grid", "random") + "run_cap: 3\n"
    for count, total in ((1, 1), (2, 2), (2, 2), (1, 2), (9, 3)):
        before = len(trained)
        done = sweep(text, f"--count {count}")
        assert len(runs()) == total
        assert (" dlsweep sweep s.yaml --count N " in done.out) == (total < 3)
        assert len(trained) == total
        assert before <= total
    sweep(text)
    assert len(trained) == 3
    assert len(set(trained)) == 3


def test_what_a_random_sweep_draws_does_not_depend_on_the_steps():
    text = """
method: random
parameters:
  dataset: {value: digits}
  epochs: {value: 1}
  hidden_size: {value: 8}
  learning_rate: {distribution: log_uniform_values, min: 0.001, max: 0.1}
"""
    sweep(text, "--count 3 --storage one.db")
    for count in (1, 2, 3):
        sweep(text, f"--count {count} --storage steps.db")
    one, steps = runs("--storage one.db"), runs("--storage steps.db")
    assert settings(one, "learning_rate") == settings(steps, "learning_rate")
    rates = [rate for (rate,) in settings(one, "learning_rate")]
    assert len(set(rates)) == 3
    assert all(0.001 <= rate <= 0.1 for rate in rates)
    assert [r["value"] for r in one] == pytest.approx([r["value"] for r in steps])


def test_bayes(trained: list[RunConfig]):
    text = GRID.replace("grid", "bayes").replace("epochs: {value: 2}", "epochs: {value: 1}")
    text = text.replace("[0.01, 0.001]", "[0.1, 0.03, 0.01, 0.003, 0.001, 0.0003]")
    sweep(text, "--count 11")
    assert len(trained) == len(set(trained)) == 11
    sweep(text, "--count 50")  # there are twelve
    assert len(set(trained)) == len(trained) == 12
    assert {r["status"] for r in runs()} == {"finished"}


def test_no_configuration_is_trained_twice(trained: list[RunConfig]):
    text = GRID.replace("grid", "random").replace("[0.01, 0.001]", "[0.01, 1e-2, '0.01']")
    done = sweep(text + "run_cap: 10\n")
    assert len(trained) == 2
    assert len(set(trained)) == 2
    assert "2/2 " in done.err


def test_constants_nested_groups_and_keys_of_a_server(trained: list[RunConfig]):
    sweep(
        """
program: somewhere/else.py
command: ["${env}", python, "${program}", "${args}"]
project: from-the-file
entity: team
method: grid
parameters:
  dataset: {value: digits}
  net:
    parameters:
      hidden_layers: {value: 1}
      hidden_size: {values: [8, 9]}
  optimizer:
    parameters:
      name: {value: NAG}
      lr: {value: 0.02}
  num_epochs: {value: 1}
  weight_init: {distribution: constant, value: Glorot}
""",
        "--builtin",
    )
    expected = RunConfig(
        wandb_project="from-the-file",
        wandb_entity="team",
        dataset="digits",
        num_layers=1,
        hidden_size=8,
        optimizer="nesterov",
        learning_rate=0.02,
        epochs=1,
        weight_init="xavier",
    )
    assert {config.hidden_size for config in trained} == {8, 9}
    assert expected in trained


def test_points_that_are_no_configurations_are_listed_with_the_reason(trained: list[RunConfig]):
    text = """
method: grid
parameters:
  dataset: {value: digits}
  epochs: {value: 1}
  num_layers: {values: [1, 2]}
  hidden_size: {values: [8, [8, 9]]}
"""
    done = sweep(text)
    assert len(trained) == 3
    assert "3/3 " in done.err
    [refused] = [record for record in runs() if record["status"] == "failed"]
    assert "2 sizes [8, 9] for num_layers 1" in refused["reason"]
    assert refused["run_id"] == ""
    again = sweep(text)
    assert len(trained) == 3
    assert again.out == without_time(done.out)


def test_storage_and_project(trained: list[RunConfig], folder: Path):
    (folder / "deep").mkdir()
    text = GRID + "project: from-the-file\n"
    done = sweep(text, "--count 1 --storage 'deep/a study.db' --project from-the-flag")
    assert (folder / "deep" / "a study.db").exists()
    assert not (folder / "dlsweep.db").exists()
    assert [config.wandb_project for config in trained] == ["from-the-flag"]
    [name] = re.findall(r"study (\S+) in deep/a study.db", done.out)
    for hint in (f"runs {name}", f"report {name}", "sweep s.yaml", f"sync {name}"):
        assert f" dlsweep {hint} --storage 'deep/a study.db' " in done.out
    assert len(runs("--storage 'deep/a study.db'")) == 1
    assert len(runs("--storage 'sqlite:///deep/a study.db'")) == 1


def test_wandb_project_is_a_default(trained: list[RunConfig], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WANDB_PROJECT", "meadow")
    sweep(GRID, "--count 1")
    assert [config.wandb_project for config in trained] == ["meadow"]


@pytest.mark.usefixtures("account")
def test_online(wandb_server: WandbServer):
    done = sweep(GRID, "--online --project beds")
    records = runs()
    # And one run more, which shows the data.
    [shown] = wandb_server.runs.keys() - {record["run_id"] for record in records}
    assert (wandb_server.runs[shown].job_type, wandb_server.runs[shown].project) == ("data", "beds")
    assert len(wandb_server.runs) == len(records) + 1
    for record in records:
        got = wandb_server.runs[record["run_id"]]
        assert (got.project, got.state, got.display_name) == ("beds", "finished", record["name"])
        assert got.group
        assert f"study {got.group} in dlsweep.db" in done.out
        assert got.config == {**record["config"], "wandb_project": "beds"}
        assert got.column("val_loss") == [epoch["val_loss"] for epoch in record["history"]]
    assert "dlsweep sync" not in done.out
    assert wandb_server.unknown == []


def test_offline_is_the_default_even_with_an_account(
    wandb_server: WandbServer, account: pytest.MonkeyPatch
):
    sweep(GRID, "--count 1")
    assert wandb_server.runs == {}
    account.setenv("WANDB_MODE", "disabled")  # always wins
    done = sweep(GRID, "--count 2 --online")
    assert wandb_server.runs == {}
    said = "dlsweep: WANDB_MODE=disabled always decides; --online has no effect"
    assert said in done.err.splitlines()
    assert "has no effect" not in sweep(GRID, "--count 2").err


def test_an_error_in_one_stack_fails_its_runs_only(monkeypatch: pytest.MonkeyPatch):
    real = _stack_job.Stack

    def failing(configs: Any, data: Any, **options: Any) -> Any:
        if configs[0].hidden_size == 8:
            raise MemoryError("no room for\n8")
        return real(configs, data, **options)

    monkeypatch.setattr(_stack_job, "Stack", failing)
    text = GRID.replace("hidden_size: {value: 8}", "hidden_size: {values: [8, 9]}")
    done = sweep(text)
    found = {record["number"]: record for record in runs()}
    for record in found.values():
        broken = record["config"]["hidden_size"] == 8
        assert record["status"] == ("failed" if broken else "finished")
        assert record["reason"] == ("MemoryError: no room for" if broken else "")
    assert "8/8 " in done.err
    assert done.out.count(" and 3 more failed: MemoryError: no room for") == 1
    assert done.err.count(" failed MemoryError: no room for") == 4
    assert "best: " in done.out


def test_a_run_that_diverges_is_listed_as_such():
    text = GRID.replace("[0.01, 0.001]", "[0.01, 1.0e+30]").replace("[adam, sgd]", "[sgd]")
    done = sweep(text + "  weight_decay: {value: 0.5}\n")
    wild = [r for r in runs() if r["config"]["learning_rate"] == 1e30]
    assert [record["status"] for record in wild] == ["diverged"]
    assert [record["value"] for record in wild] == [None]
    assert wild[0]["history"][-1]["train_loss"] is None  # NaN is not JSON
    assert " diverged " in done.out
    table = command("runs")
    assert "1 finished, 1 diverged" in table.out


def test_when_no_run_has_a_result(monkeypatch: pytest.MonkeyPatch):
    def failing(configs: Any, *_: Any, **__: Any) -> None:
        raise ValueError("small steps" if configs[0].learning_rate < 0.01 else "large steps")

    with monkeypatch.context() as patch:
        patch.setattr(_stack_job, "Stack", failing)
        done = sweep(GRID, "--count 1", code=1)
        assert "no run has a result" in done.out
        assert "best:" not in done.out
        assert done.err.splitlines()[-1] == "error: the only run failed: ValueError: large steps"
        done = sweep(GRID, "--count 3", code=1)
        said = "error: all 3 runs failed: ValueError: large steps; others for other reasons"
        assert done.err.splitlines()[-1] == said
    sweep(GRID)  # the fourth has a result


def test_the_best_run_is_trained_again_by_its_command(capsys: pytest.CaptureFixture[str]):
    text = GRID.replace("hidden_size: {value: 8}", "hidden_size: {value: [8, 9]}")
    done = sweep(text + "  dropout: {value: 0.1}\n  batch_norm: {value: true}\n")
    [line] = [line for line in done.out.splitlines() if "dlsweep train " in line]
    capsys.readouterr()
    assert train_main(shlex.split(line)[2:]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    said = done.out.partition("best: ")[2].split()
    val, test = said[said.index("best_val_accuracy") + 1], said[said.index("test_accuracy") + 1]
    assert f"best_val_accuracy {val} " in last
    assert f"test_accuracy {test}," in last


def test_a_sweep_without_an_end_says_so(monkeypatch: pytest.MonkeyPatch, folder: Path):
    text = GRID.replace("grid", "random").replace("epochs: {value: 2}", "epochs: {value: 100000}")
    text = text.replace("{values: [0.01, 0.001]}", "{min: 0.01, max: 0.1}")
    (folder / "s.yaml").write_text(text + "early_terminate: {type: hyperband, min_iter: 3}\n")

    def interrupt(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("dlsweep.cli._progress.LiveProgress.started", interrupt)
    done = command("sweep s.yaml")
    assert done.code == 130
    assert "a random search has no end; stop it with Ctrl-C, or give --count" in done.err
    assert "after 3 epochs; with min_iter: 1" in done.err
    assert "trained again" not in done.err
    assert done.err.endswith("interrupted\n")
    assert {record["status"] for record in runs()} == {"waiting"}


def test_verbose_says_how_stacks_are_planned():
    assert "runs in stacks of" not in sweep(GRID, "--count 2").err
    done = sweep(GRID, "--verbose")
    assert "dlsweep: 2 runs in stacks of 2: all that share its shapes\n" in done.err


# `dlsweep runs`


def test_runs_as_csv_and_as_a_table(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")
    sweep(GRID)
    records = {str(record["number"]): record for record in runs()}
    done = command("runs --format csv")
    header, *_ = csv.reader(io.StringIO(done.out))
    assert len(set(header)) == len(header)
    # Matrices and curves are not cells of a table.
    nested = {k for k, v in records["0"]["summary"].items() if isinstance(v, list | dict)}
    assert "test_confusion" in nested
    assert not nested & set(header)
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert [row["number"] for row in rows] == [
        str(record["number"])
        for record in sorted(records.values(), key=lambda r: (-r["value"], r["number"]))
    ]
    for row in rows:
        record = records[row["number"]]
        assert (row["name"], row["run_id"], row["status"]) == (
            record["name"],
            record["run_id"],
            "finished",
        )
        for name, value in record["config"].items():
            expected = "" if value is None else value
            assert row[name] == (json.dumps(value) if isinstance(value, list) else str(expected))
        for name in ("best_val_accuracy", "test_accuracy", "best_epoch", "parameters"):
            assert float(row[name]) == record["summary"][name]
        assert float(row["val_loss"]) == record["history"][-1]["val_loss"]

    table = command("runs")
    lines = table.out.splitlines()
    results = ("val_accuracy", "best_val_accuracy", "test_accuracy")
    assert lines[0].split() == ["last", "epoch", *("best", "epoch") * 2]
    settings = ("optimizer", "learning_rate")
    assert lines[1].split() == ["#", "run", results[0], *settings, *results[1:]]
    shown = [line.split() for line in lines[2:6]]
    for cells, row in zip(shown, rows, strict=True):
        assert cells[1] == row["name"]
        summary = records[row["number"]]["summary"]
        found = (records[row["number"]]["value"], *(summary[name] for name in results[1:]))
        assert [cells[2], *cells[5:7]] == [f"{value:.4f}" for value in found]
    assert lines[7].startswith("equal in all runs: ")
    assert "hidden_size 8" in lines[7]
    assert lines[8].startswith("study small-grid-")
    assert lines[8].endswith(": 4 finished")


def test_in_a_narrow_terminal_the_first_columns_are_shown_whole(monkeypatch: pytest.MonkeyPatch):
    sweep(GRID, "--count 2")
    monkeypatch.setenv("COLUMNS", "60")
    lines = command("runs").out.splitlines()
    table = lines[: lines.index("")]
    assert max(map(len, table)) <= 60
    assert "…" not in "".join(table)
    assert "not shown: test_accuracy; `dlsweep runs --wide` shows all" in lines
    assert "test_accuracy" in command("runs --wide").out.splitlines()[1]


def test_the_model_that_is_kept_can_be_the_metric():
    metric = "{name: best_val_accuracy, goal: maximize}"
    text = GRID.replace("{name: val_acc, goal: maximize}", metric).replace("grid\n", "bayes\n")
    done = sweep(text.replace("[0.01, 0.001]", "[0.01, 0.003, 0.001]"), "--count 5")
    heading = done.out.splitlines()[2].split()
    assert (heading[2], heading[-1]) == ("best_val_accuracy", "test_accuracy")
    assert "last epoch" not in done.out
    [best] = [record for record in runs() if f"best: {record['name']} " in done.out]
    found = [record["summary"]["best_val_accuracy"] for record in runs()]
    assert best["value"] == best["summary"]["best_val_accuracy"] == max(found)
    test = f"test_accuracy {best['summary']['test_accuracy']:.4f}"
    of = f"of its best epoch, {best['summary']['best_epoch']}"
    assert f"  best_val_accuracy {best['value']:.4f}; {test} {of}\n" in done.out


def test_runs_of_the_newest_study_or_of_one_by_name():
    sweep(GRID, "--count 1")
    sweep(GRID.replace("small grid", "second").replace("0.001", "0.1"), "--count 2")
    assert len(runs()) == 2
    assert len(runs("'small grid'")) == 1
    assert len(runs("second")) == 2
