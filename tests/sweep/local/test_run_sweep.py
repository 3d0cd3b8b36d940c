"""`dlsweep.run_sweep`: sweeps of functions, of programs and of built-in networks from Python."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wandb
from wandb.proto.wandb_internal_pb2 import Record

import dlsweep
from dlsweep import ConfigError, run_sweep
from dlsweep.sweep import StudyTable, read_study
from dlsweep.tracking._leveldb_log import LogReader

SWEEP: dict[str, Any] = {
    "method": "grid",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"x": {"values": [1, 2, 3]}, "net": {"parameters": {"kind": {"value": "mlp"}}}},
}


# wandb never closes the file in which it finds a point.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file .*point.yaml:ResourceWarning")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, in which wandb keeps its runs too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WANDB_DIR")
    return tmp_path


def sweep(values: list[Any], **more: Any) -> dict[str, Any]:
    return {**SWEEP, "parameters": {"x": {"values": values}}, **more}


def values(table: StudyTable) -> dict[Any, float | None]:
    return {row.config["x"]: row.value for row in table.rows}


def test_a_function_is_called_for_each_point_and_the_same_call_goes_on(folder: Path):
    calls: list[tuple[int, str, bool]] = []

    def train() -> None:
        run = wandb.init(project="mine")
        main_thread = threading.current_thread() is threading.main_thread()
        calls.append((wandb.config.x, run.config["net"]["kind"], main_thread))
        run.log({"loss": 9.0})
        run.log({"loss": (run.config.x - 2) ** 2})  # and the run is left open

    before = dict(os.environ)
    table = run_sweep(SWEEP, train, count=2)
    assert calls == [(1, "mlp", False), (2, "mlp", False)]
    assert dict(os.environ) == before
    assert wandb.run is None
    assert values(table) == {1: 1.0, 2: 0.0}
    assert table.best is not None
    assert table.best.config == {"net.kind": "mlp", "x": 2}
    assert table.best.name == "x2-1"
    assert [epoch["loss"] for epoch in table.best.history] == [9.0, 0.0]

    again = run_sweep(SWEEP, train)
    assert len(calls) == 3
    assert again.rows[:2] == table.rows
    assert values(again) == {1: 1.0, 2: 0.0, 3: 1.0}
    assert {row.status for row in again.rows} == {"finished"}
    places = {path.name for path in folder.glob("wandb/offline-run-*")}
    assert {Path(row.info["directory"]).name for row in again.rows} == places
    assert read_study().rows == again.rows


def test_what_a_function_raises_fails_its_run_only(capfd: pytest.CaptureFixture[str]):
    def train() -> None:
        run = wandb.init()
        run.log({"loss": 1.0})
        if run.config.x == "raise":
            raise ValueError("no such\nthing")
        if run.config.x == "exit":
            sys.exit("not today")
        if run.config.x == "key":
            raise KeyError
        if run.config.x == "fine":
            sys.exit()

    before = dict(os.environ)
    table = run_sweep(sweep(["raise", "exit", "key", "fine", "last"]), train)
    assert {row.config["x"]: (row.status, row.reason) for row in table.rows} == {
        "raise": ("failed", "the function raised ValueError: no such"),
        "exit": ("failed", "the function raised SystemExit: not today"),
        "key": ("failed", "the function raised KeyError"),
        "fine": ("finished", ""),
        "last": ("finished", ""),
    }
    assert dict(os.environ) == before
    assert "ValueError: no such" in capfd.readouterr().err  # the traceback


def test_a_function_that_always_fails_stops_the_sweep(caplog: pytest.LogCaptureFixture):
    def train() -> None:
        raise RuntimeError("no data")

    table = run_sweep(sweep(list(range(8))), train)
    assert [row.status for row in table.rows] == ["waiting"] * 5
    line = "the sweep stops, for its first runs failed: the function raised RuntimeError: no data"
    assert line in caplog.text

    table = run_sweep(sweep(list(range(8))), lambda: wandb.init().log({"loss": 1}))
    assert [row.status for row in table.rows] == ["finished"] * 8


def test_early_termination_interrupts_a_function():
    ended: list[int] = []
    enough = threading.Event()

    def train() -> None:
        run = wandb.init()
        try:
            for step in range(10_000):
                run.log({"loss": run.config.x - 0.001 * step})
                if run.config.x == 0 and step == 3:
                    return
                enough.wait(0.01)
        finally:
            ended.append(run.config.x)

    rule = {"type": "hyperband", "min_iter": 2, "eta": 3, "strict": True}
    table = run_sweep(sweep([0, 5], early_terminate=rule), train)
    assert ended == [0, 5]
    assert [row.status for row in table.rows] == ["finished", "stopped"]
    assert len(table.rows[1].history) < 10_000


def test_ctrl_c_interrupts_a_function_and_the_same_call_goes_on():
    calls: list[int] = []

    def train() -> None:
        calls.append(wandb.init().config.x)
        if len(calls) == 1:
            wandb.log({"loss": 7.0})
            os.kill(os.getpid(), signal.SIGINT)
            while True:  # an interrupt takes effect where Python code runs
                threading.Event().wait(0.01)
        wandb.log({"loss": 1.0})

    [row] = run_sweep(sweep([1, 2]), train).rows
    assert row.status == "waiting"
    rows = run_sweep(sweep([1, 2]), train).rows
    assert calls == [1, 1, 2]
    assert rows[0].run_id == row.run_id
    assert [[epoch["loss"] for epoch in row.history] for row in rows] == [[1.0], [1.0]]


def test_in_another_thread_as_in_a_notebook():
    found: list[StudyTable] = []

    def train() -> None:
        wandb.init().log({"loss": wandb.config.x})

    thread = threading.Thread(target=lambda: found.append(run_sweep(sweep([1]), train)))
    thread.start()
    thread.join()
    assert values(found[0]) == {1: 1.0}


def test_the_built_in_networks_by_default():
    parameters = {"dataset": "digits", "epochs": 1, "hidden_size": 8, "figures": "none"}
    config = {
        "method": "grid",
        "metric": {"name": "val_accuracy", "goal": "maximize"},
        "parameters": {name: {"value": value} for name, value in parameters.items()},
    }
    config["parameters"]["optimizer"] = {"values": ["adam", "sgd"]}
    table = dlsweep.run_sweep(config, workers=1, storage="nets.db")
    assert [row.status for row in table.rows] == ["finished"] * 2
    assert table.best is not None
    assert table.best.config["optimizer"] in ("adam", "sgd")
    assert Path("nets.db").exists()


@pytest.mark.skipif(os.name != "posix", reason="a program of a shell")
def test_a_file_with_a_program():
    Path("job.sh").write_text("exit 0")
    Path("s.yaml").write_text(
        "program: job.sh\ncommand: [sh, '${program}']\nmethod: grid\n"
        "parameters: {x: {values: [1, 2]}}\n"
    )
    table = run_sweep("s.yaml", workers=2)
    assert [row.status for row in table.rows] == ["finished"] * 2
    assert table.best is None


@pytest.mark.parametrize(
    ("config", "options", "line"),
    [
        ({"method": "grid"}, {}, "parameters"),
        ({**SWEEP, "method": "gird"}, {}, "grid"),
        (SWEEP, {"count": 0}, "count"),
        (SWEEP, {"device": "gpu9"}, "device"),
        ("no.yaml", {}, "no.yaml"),
    ],
)
@pytest.mark.parametrize("function", [None, lambda: None])
def test_what_is_wrong_is_an_error_before_anything_is_made(
    config: Any, options: dict[str, Any], line: str, function: Callable[[], None] | None
):
    with pytest.raises(ConfigError, match=line):
        run_sweep(config, function, **options)
    assert not list(Path().iterdir())


def test_options_without_effect_are_refused(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ConfigError) as refused:
        run_sweep(SWEEP, print, workers=2, cluster="auto")
    why = "has no effect on a function, which is called in this process, once at a time"
    assert list(refused.value.problems) == [f"workers: {why}", f"cluster: {why}"]
    nets = {"method": "grid", "parameters": {"dataset": {"value": "digits"}}}
    with pytest.raises(ConfigError, match="timeout: is for programs; the built-in networks"):
        run_sweep(nets, timeout=3.0)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    with pytest.raises(ConfigError, match="WANDB_MODE: disabled; a function's metrics are read"):
        run_sweep(SWEEP, print)
    assert not list(Path().iterdir())


def test_a_table_for_pandas(monkeypatch: pytest.MonkeyPatch):
    def train() -> None:
        with wandb.init() as run:
            run.log({"loss": 2.0, "x": 7, "table": [1, 2]})
            run.log({"loss": 1.5, "epoch": 1})

    table = run_sweep({**SWEEP, "parameters": {"x": {"value": [1, None]}}}, train)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigError, match=r"^to_pandas needs pandas; pip install pandas$"):
        table.to_pandas()
    monkeypatch.undo()
    pandas = pytest.importorskip("pandas", reason="pandas is not a dependency")
    frame = table.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    [row] = frame.to_dict("records")
    assert row["x"] == "[1, null]"
    assert (row["loss"], row["epoch"], row["summary.x"], row["status"]) == (1.5, 1, 7, "finished")
    assert "table" not in frame.columns


def test_a_function_is_confirmed_over_the_seeds_that_it_is_given():
    calls: list[tuple[int, int | None]] = []

    def train() -> None:
        run = wandb.init()
        seed = run.config.get("seed")
        calls.append((run.config.x, seed))
        noise = 0.0 if seed is None else (seed % 3) * 0.01
        run.log({"loss": {1: 0.1, 2: 0.101, 3: 5.0, 4: 9.0}[run.config.x] + noise})

    points = sweep([1, 2, 3, 4])
    line = "--seed-parameter NAME says it"
    with pytest.raises(ConfigError, match=line):
        run_sweep(points, train, confirm=3)
    table = run_sweep(points, train, confirm=3, seeds=4, seed_parameter="seed")
    assert sorted(calls[4:])[:3] == [(1, 1), (1, 2), (1, 3)]
    assert len(calls) == 4 + len([row for row in table.rows if row.role == "confirmation"])
    found = table.confirmation
    assert found is not None
    assert found.best is not None
    assert table.best is not None
    assert (table.best.config["x"], set(found.equal)) == (1, {0, 1})
    assert found.best.mean == pytest.approx(0.1 + 0.01, abs=0.01)
    assert [row.config["x"] for row in table.ranked()] == [1, 2, 3, 4]
    marks = {path.name for path in Path("wandb").glob("offline-run-*")}
    assert len(marks) == len(table.rows)


def test_seeds_that_are_none_are_refused():
    for options, line in (
        ({"confirm": -1}, "confirm: got -1"),
        ({"confirm": 2, "seed_parameter": "kind"}, "kind is not a whole number"),
        ({"confirm": 0, "seeds": 3}, "--seeds: has no effect with --confirm 0"),
    ):
        made = dict(SWEEP, parameters={"kind": {"values": ["a", "b"]}})
        with pytest.raises(ConfigError, match=line):
            run_sweep(made, lambda: None, **options)  # type: ignore[arg-type]


def wandb_marks() -> list[tuple[str, str, tuple[str, ...]]]:
    """The group, job type and tags of the wandb runs in this folder."""
    found = []
    for log in sorted(Path("wandb").glob("offline-run-*/run-*.wandb")):
        for data in LogReader(log).records():
            record = Record()
            record.ParseFromString(data)
            if record.WhichOneof("record_type") == "run":
                run = record.run
                found.append((run.run_group, run.job_type, tuple(run.tags)))
                break
    return sorted(found)


@pytest.mark.parametrize("builtin", [True, False])
def test_the_runs_of_a_point_are_found_in_wandb(builtin: bool):
    def train() -> None:
        run = wandb.init()
        run.log({"loss": run.config.x + run.config.get("seed", 0)})

    if builtin:
        settings = {"dataset": "digits", "epochs": 1, "hidden_size": 8, "figures": "none"}
        parameters = {name: {"value": value} for name, value in settings.items()}
        parameters["train_size"] = {"values": [100, 110]}
        metric = {"name": "val_accuracy", "goal": "maximize"}
        made = {"method": "grid", "metric": metric, "parameters": parameters}
        table = run_sweep(made, workers=1, repeats=2, confirm=1, seeds=2)
    else:
        with pytest.raises(ConfigError, match="--repeats: which parameter is the program's seed"):
            run_sweep(sweep([1, 2]), train, repeats=2)
        options: dict[str, Any] = {"repeats": 2, "confirm": 1, "seeds": 2}
        table = run_sweep(sweep([1, 2]), train, seed_parameter="seed", **options)
    assert table.best is not None
    best = f"point-{table.best.number}"
    searched = [row for row in table.rows if row.role != "confirmation"]
    expected = sorted((table.name, f"point-{row.point}", ()) for row in searched)
    assert len(searched) == 4
    assert wandb_marks() == [*[(table.name, "confirmation", (best,))] * 2, *expected]
