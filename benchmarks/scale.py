"""What one driver can do: the runs that it records per second, and studies of many runs.

    python -m benchmarks scale                        both parts
    python -m benchmarks.scale record 160             the first, in the working directory; says JSON
    python -m benchmarks.scale open FILE bayes 1040   one study of the second; says JSON

Recording is a whole sweep (study, driver, offline wandb runs) whose runs were trained before: their
outcomes come as workers send them, with the figures of Fashion-MNIST's validation and test images.
On busy cores there are as many other processes as cores, which only compute.

A study of many runs is listed with `dlsweep runs`; a new process goes on with it, takes runs one at
a time, and records a few more. The study of the method bayes has taken over all runs of the other.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import pickle
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.machine import cores, describe, header, shown, spread
from benchmarks.ready import EPOCHS, Clock, ReadyExecutor, service_cpu, train_briefly
from dlsweep.config import RunConfig
from dlsweep.data import load
from dlsweep.data._cache import cache_root
from dlsweep.sweep import Driver, Study, StudySource, SweepFile, parse_sweep
from dlsweep.tracking import Outcome, conclude

ROOT = Path(__file__).resolve().parents[1]
WARM = 16
"""How many runs are recorded before those that are measured."""
AT_ONCE = 2
"""How many stacks train at once."""
METHODS = ("random", "bayes")
TAKES = 20
"""How many runs a process takes from a study, and then records, in each repetition."""
SPACE: dict[str, Any] = {
    "dataset": {"value": "digits"},
    "figures": {"value": "none"},
    "hidden_size": {"values": [16, 32, 64]},
    "num_layers": {"values": [1, 2, 3]},
    "optimizer": {"values": ["sgd", "momentum", "adam", "nadam"]},
    "batch_size": {"values": [16, 32, 64]},
    "learning_rate": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-1},
}


def measure(repetitions: int, *, smoke: bool) -> dict[str, Any]:
    """Both parts; each repetition in a process of its own."""
    runs, sizes = (16, (20, 40)) if smoke else (160, (1_000, 10_000, 50_000))
    recorded = []
    for i in range(repetitions):
        print(f"recording runs, {i + 1} of {repetitions}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            words = ["benchmarks.scale", "record", runs, *["--smoke"] * smoke]
            recorded.append(json.loads(_python(folder, *words)))
    studies = []
    for size in sizes:
        print(f"studies of {size:,} runs", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            make_studies(Path(folder, "study.db"), size)
            for method in METHODS:
                rows = [_study(folder, method, size, i) for i in range(repetitions)]
                studies.append(_merged(rows))
    recording = [_merged(rows) for rows in zip(*recorded, strict=True)]
    return {"machine": describe(), "recording": recording, "studies": studies}


def _python(folder: str, *words: object) -> str:
    """What a module prints that is run as a program in a folder."""
    environment: dict[str, str] = {
        **os.environ,
        "WANDB_DIR": folder,
        "DLSWEEP_DATA": str(cache_root()),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", *map(str, words)]
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def _merged(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The repetitions of a row as one; what was measured is a float."""
    return {
        name: spread([row[name] for row in rows]) if isinstance(value, float) else value
        for name, value in rows[0].items()
    }


# --- Recording -----------------------------------------------------------------------------------


def record(runs: int, *, smoke: bool) -> Iterator[dict[str, Any]]:
    """Record so many runs in every way."""
    for busy, figures in itertools.product((False, True), ("none", "summary")):
        settings: dict[str, Any] = {
            "figures": figures,
            "device": "cpu",
            "hidden_size": 32,
            "epochs": EPOCHS,
        }
        if smoke:
            settings["dataset"] = "digits"
        config = RunConfig(**settings)
        result = train_briefly(config)
        sent = pickle.dumps(conclude(result, load(config.dataset)), pickle.HIGHEST_PROTOCOL)
        for members in (1, 8):
            sweep = _sweep(
                f"{figures}-{members}-{busy}",
                "grid",
                {
                    **{name: {"value": value} for name, value in settings.items()},
                    "epochs": {"value": EPOCHS},
                    "seed": {"values": list(range(WARM + runs))},
                },
            )
            executor = ReadyExecutor(
                result.history,
                functools.partial(_loaded, sent),
                slots=(WARM + runs) // members,
                at_once=AT_ONCE,
            )
            with busy_processes(cores() if busy else 0):
                measured = _record(sweep, executor)
            yield {"figures": figures, "members": members, "busy": busy, "runs": runs, **measured}


def _loaded(sent: bytes, _: RunConfig) -> Outcome:
    """An outcome as it arrives from a worker."""
    outcome: Outcome = pickle.loads(sent)
    return outcome


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """So many other processes, which compute all the time."""
    command = [sys.executable, "-c", "while True: pass"]
    with ExitStack() as stack:
        for _ in range(count):
            process = stack.enter_context(subprocess.Popen(command))
            stack.callback(process.kill)
        yield


def _record(sweep: SweepFile, executor: ReadyExecutor) -> dict[str, float]:
    """Runs per second, and seconds of processor time for each, after the first of them."""
    assert sweep.size is not None
    with Study.open(sweep, f"{sweep.name}.db") as study:
        source = StudySource(study, mode="offline", at_once=sweep.size)
        service, clock = service_cpu(), Clock()
        Driver(source, executor, progress=clock).run()
        wall, cpu, service = time.perf_counter(), time.process_time(), service_cpu() - service
    assert len(clock.wall) == 1 + sweep.size
    return {
        "runs_per_second": (sweep.size - WARM) / (wall - clock.wall[WARM]),
        "cpu": (cpu - clock.cpu[WARM]) / (sweep.size - WARM),
        "service_cpu": service / sweep.size,
    }


def _sweep(name: str, method: str, parameters: dict[str, Any], **more: Any) -> SweepFile:
    metric = {"name": "val_accuracy", "goal": "maximize"}
    return parse_sweep(
        {"name": name, "method": method, "metric": metric, "parameters": parameters, **more}
    )


# --- Studies of many runs ------------------------------------------------------------------------


def make_studies(file: Path, runs: int) -> None:
    """A study of so many runs that have ended, and one of bayes that takes all of them over."""
    with Study.open(_sweep("random", "random", SPACE), str(file)) as study:
        while study.taken < runs:
            taken = study.take(min(256, runs - study.taken))
            for stack in study.plan([taken[i : i + 8] for i in range(0, len(taken), 8)]):
                study.begin(stack)
            for run in taken:
                study.finish(run, "finished", *_ended(run.number))
    with Study.open(_sweep("bayes", "bayes", SPACE), str(file), continue_from="random"):
        pass


def _ended(number: int) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]:
    """The epochs, the summary and the information that are stored of a run."""
    accuracy = 0.5 + number * 7919 % 1000 / 2500
    row = {"train_loss": 0.5, "train_accuracy": accuracy, "val_loss": 0.6, "val_accuracy": accuracy}
    epochs = [
        {"epoch": epoch, **row, "learning_rate": 1e-3, "seconds": 0.25}
        for epoch in range(1, EPOCHS + 1)
    ]
    summary = {"status": "finished", **row, "test_loss": 0.6, "test_accuracy": accuracy}
    return epochs, summary, {"directory": f"wandb/offline-run-{number}", "project": "dlsweep"}


def _study(folder: str, method: str, runs: int, repetition: int) -> dict[str, Any]:
    """What a study costs; each repetition leaves some more runs in it."""
    before, began = _children_cpu(), time.perf_counter()
    _python(folder, "dlsweep", "runs", method, "--storage", "study.db")
    listed = {"list": time.perf_counter() - began, "list_cpu": _children_cpu() - before}
    cap = runs + (repetition + 1) * 2 * TAKES
    opened = json.loads(_python(folder, "benchmarks.scale", "open", "study.db", method, cap))
    return {"method": method, "runs": runs, **listed, **opened}


def _children_cpu() -> float:
    """Seconds of processor time of the processes that this one has waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def go_on(file: str, method: str, cap: int) -> dict[str, float]:
    """Go on with a study up to so many runs, as a driver does; in a process of its own."""
    config = RunConfig(dataset="digits", figures="none", epochs=EPOCHS)
    result = train_briefly(config)
    outcome = conclude(result, load("digits"))
    executor = ReadyExecutor(result.history, lambda _: outcome, slots=AT_ONCE, at_once=AT_ONCE)
    at_first = _peak_memory()
    began = time.perf_counter(), time.process_time()
    with Study.open(_sweep(method, method, SPACE, run_cap=cap), file) as study:
        times = [(time.perf_counter(), time.process_time())]
        taken = []
        for _ in range(TAKES):
            taken += study.take()
            times.append((time.perf_counter(), time.process_time()))
        for run in taken:
            study.finish(run, "finished", *_ended(run.number))
        source = StudySource(study, mode="offline", at_once=TAKES)
        Driver(source, executor).run()
        assert study.taken == cap
    takes = [
        (after[0] - before[0], after[1] - before[1]) for before, after in itertools.pairwise(times)
    ]
    return {
        "open": times[0][0] - began[0],
        "open_cpu": times[0][1] - began[1],
        "take": statistics.median(wall for wall, _ in takes),
        "take_cpu": statistics.median(cpu for _, cpu in takes),
        "memory": _peak_memory(),
        "memory_of_study": _peak_memory() - at_first,
    }


def _peak_memory() -> float:
    """The most bytes that this process has had in memory."""
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        assert found is not None
        return 1024.0 * int(found[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else 1024 * peak)


# --- Shown ---------------------------------------------------------------------------------------

COLUMNS = {
    "list": ("`dlsweep runs`, s", 1, 2),
    "list_cpu": ("CPU, s", 1, 2),
    "open": ("resuming, s", 1, 2),
    "open_cpu": ("CPU, s", 1, 2),
    "take": ("a `take`, ms", 1e3, 1),
    "take_cpu": ("CPU, ms", 1e3, 1),
    "memory": ("memory, MB", 1e-6, 0),
    "memory_of_study": ("of it the study's", 1e-6, 0),
}
"""What is shown of a study: its heading, its unit, its decimal places."""


def table(result: dict[str, Any]) -> str:
    lines = [
        header(result["machine"]),
        "runs of 10 epochs recorded by one driver, offline, two stacks at a time; "
        "median (lowest–highest)",
        "",
        "| other processes | `figures` | members of a stack | runs per second "
        "| processor time, ms | that of wandb's service, ms |",
        "|---|---|---|---|---|---|",
    ]
    for row in result["recording"]:
        cpu, service = (shown(_scaled(row[name], 1e3), 0) for name in ("cpu", "service_cpu"))
        busy = "one for each core" if row["busy"] else "none"
        lines.append(
            f"| {busy} | {row['figures']} | {row['members']} "
            f"| {shown(row['runs_per_second'], 1)} | {cpu} | {service} |"
        )
    heads = " | ".join(head for head, _, _ in COLUMNS.values())
    lines += ["", "studies of many runs; median (lowest–highest)", ""]
    lines += [f"| search | runs | {heads} |", "|---" * (2 + len(COLUMNS)) + "|"]
    for method in METHODS:
        rows = [row for row in result["studies"] if row["method"] == method]
        for row in rows:
            cells = [
                shown(_scaled(row[n], unit), digits) for n, (_, unit, digits) in COLUMNS.items()
            ]
            lines.append(f"| {method} | {row['runs']:,} | {' | '.join(cells)} |")
        first, last = rows[0], rows[-1]
        ratios = [f"{last[name]['median'] / first[name]['median']:.1f} ×" for name in COLUMNS]
        times = last["runs"] / first["runs"]
        lines.append(f"| {method} | {times:.0f} × as many | {' | '.join(ratios)} |")
    return "\n".join(lines)


def _scaled(times: dict[str, Any], unit: float) -> dict[str, Any]:
    return spread([unit * value for value in times["repetitions"]])


if __name__ == "__main__":
    if sys.argv[1] == "record":
        print(json.dumps(list(record(int(sys.argv[2]), smoke="--smoke" in sys.argv))))
    else:
        print(json.dumps(go_on(sys.argv[2], sys.argv[3], int(sys.argv[4]))))
