"""A sweep of tiny runs, and one who kills its processes: used by test_killing, and by hand.

    python -m tests.sweep.killing FOLDER [--runs 1000] [--workers 8] [--kills 20] [--seed 0]

trains the same sweep undisturbed and killed, each in a folder of its own, and prints what was lost,
doubled or came out differently, and how long it took from each kill until training went on.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.sweep import parse_sweep

if TYPE_CHECKING:  # workers import this module too, and need nothing of it
    from dlsweep.sweep import Point, Row
    from dlsweep.training import EpochMetrics

METRIC = {"name": "val_accuracy", "goal": "maximize"}
LOG = "events.log"


def tiny(runs: int) -> Any:
    """A sweep of so many tiny runs (a multiple of four), of one or three epochs."""
    return parse_sweep(
        {
            "method": "grid",
            "name": "tiny",
            "metric": METRIC,
            "parameters": {
                "dataset": {"value": "digits"},
                "train_size": {"value": 100},
                "figures": {"value": "none"},  # and so no run that shows the data
                "hidden_size": {"value": 8},
                "epochs": {"values": [1, 3]},
                "optimizer": {"values": ["sgd", "nadam"]},
                "seed": {"values": list(range(runs // 4))},
            },
        }
    )


class Log:
    """A watcher that writes down what it is told, line by line, and when."""

    def __init__(self) -> None:
        self._file = open(LOG, "a", buffering=1)  # noqa: SIM115

    def started(self, points: Sequence[Point]) -> None:
        """See ``Watcher``."""

    def trained(self, point: Point, metrics: EpochMetrics) -> None:
        """See ``Watcher``."""
        self._file.write(f"{time.time()} trained {point.number}\n")

    def ended(self, row: Row) -> None:
        """See ``Watcher``."""
        self._file.write(f"{time.time()} ended {row.number}\n")


def control(runs: int, workers: int) -> None:
    """What is killed: a sweep in this process and its workers, here."""
    from dlsweep.sweep import LocalSweep, ProcessTrainer, Study

    with Study.open(tiny(runs), "study.db") as study:
        trainer = ProcessTrainer(workers, save_seconds=0.0)
        LocalSweep(study, trainer, mode="offline", settings={}, watcher=Log()).run()


def children(pid: int) -> list[int]:
    """The workers of a controller, youngest last."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    workers = []
    for child in map(int, found):
        with contextlib.suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                workers.append(child)
    return workers


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@dataclass
class Outcome:
    """What became of a sweep.

    Attributes:
        rows: the study's.
        log: (time, word, number) of all that its controllers told.
        kills: what was killed, when, and how many seconds later something was trained again.
        seconds: the whole took so long.
        orphans: workers that were still there some seconds after their controller.
    """

    folder: Path
    rows: list[Row]
    log: list[tuple[float, str, int]]
    kills: list[tuple[str, float, float]]
    seconds: float
    orphans: list[int] = field(default_factory=list)

    def lost(self, runs: int) -> list[int]:
        """Runs that are missing or have not finished."""
        finished = {row.number for row in self.rows if row.status == "finished"}
        return sorted(set(range(runs)) - finished)

    def doubled(self) -> list[int]:
        """Numbers, ids or configurations that are there twice, and runs that ended twice."""
        ends = Counter(number for _, word, number in self.log if word == "ended")
        found = [number for number, count in ends.items() if count > 1]
        for key in (
            lambda r: r.number,
            lambda r: r.run_id,
            lambda r: str(sorted(r.config.items())),
        ):
            counts = Counter(map(key, self.rows))
            found += [row.number for row in self.rows if counts[key(row)] > 1]
        return sorted(found)

    def folders(self) -> Counter[str]:
        """How many folders for `wandb sync` each run id has."""
        names = [path.name.split("-") for path in self.folder.glob("wandb/offline-run-*")]
        return Counter(name[3] for name in names)


def seen(row: Row) -> tuple[Any, ...]:
    """What must be equal of a run, whatever was killed: all but its times and its id."""
    history = [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in row.history]
    return row.number, row.status, dict(row.config), dict(row.summary), history


def events(folder: Path) -> list[tuple[float, str, int]]:
    """What the controllers have told so far; a line that is being written is left out."""
    try:
        lines = (folder / LOG).read_text().splitlines()
    except OSError:
        return []
    split = [line.split() for line in lines]
    return [(float(s[0]), s[1], int(s[2])) for s in split if len(s) == 3]


def run(folder: Path, runs: int, workers: int, kills: int, seed: int = 0) -> Outcome:
    """Train the sweep in a folder, killing processes of it so often, until all is done."""
    folder.mkdir(parents=True)
    draw = random.Random(seed)
    command = [sys.executable, "-m", "tests.sweep.killing", "--control"]
    command += ["--runs", str(runs), "--workers", str(workers)]
    killed: list[tuple[str, float]] = []
    orphans: list[int] = []
    from dlsweep.sweep import read_study

    began = time.time()
    process: subprocess.Popen[bytes] | None = None
    try:
        while process is None or process.poll() != 0:
            if process is None or process.poll() is not None:
                if process is not None and process.returncode != -signal.SIGKILL:
                    raise RuntimeError(f"the controller ended with {process.returncode}")
                with open(folder / "errors.log", "ab") as errors:
                    process = subprocess.Popen(command, cwd=folder, stderr=errors)
            since = killed[-1][1] if killed else 0.0
            if len(killed) < kills and any(when > since for when, *_ in events(folder)[-1:]):
                time.sleep(draw.uniform(0.0, 0.5))
                hired = children(process.pid)
                what = draw.choice(["worker", "controller", "all"])
                if what == "worker" and hired:
                    killed.append((what, time.time()))
                    _kill(draw.choice(hired))
                elif what != "worker":
                    killed.append((what, time.time()))
                    for pid in [process.pid, *(hired if what == "all" else [])]:
                        _kill(pid)
                    process.wait()
                    orphans += _survivors(hired)
            time.sleep(0.02)
    finally:
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()
    seconds = time.time() - began
    log = events(folder)
    after = [
        (what, when, min((at for at, *_ in log if at > when), default=time.time()) - when)
        for what, when in killed
    ]
    rows = list(read_study(str(folder / "study.db")).rows)
    return Outcome(folder, rows, log, after, seconds, orphans)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _survivors(pids: Sequence[int], patience: float = 20.0) -> list[int]:
    """Those that are still there after a while."""
    end = time.monotonic() + patience
    left = list(pids)
    while left and time.monotonic() < end:
        time.sleep(0.05)
        left = [pid for pid in left if alive(pid)]
    return left


def differences(killed: Outcome, undisturbed: Outcome) -> list[int]:
    """The runs that came out differently, in whatever bit."""
    expected = {row.number: seen(row) for row in undisturbed.rows}
    return [row.number for row in killed.rows if seen(row) != expected.get(row.number)]


def main() -> None:
    """Compare a killed sweep with an undisturbed one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--control", action="store_true")
    a = parser.parse_args()
    if a.control:
        control(a.runs, a.workers)
        return
    undisturbed = run(a.folder / "undisturbed", a.runs, a.workers, 0)
    killed = run(a.folder / "killed", a.runs, a.workers, a.kills, a.seed)
    print(f"{a.runs} runs, {a.workers} workers, {len(killed.kills)} kills")
    print(
        f"lost {len(killed.lost(a.runs))}, doubled {len(killed.doubled())}, "
        f"orphans {len(killed.orphans)}"
    )
    print(f"different from the undisturbed sweep: {differences(killed, undisturbed)}")
    folders = killed.folders()
    print(f"wandb folders: {sum(folders.values())} for {len(folders)} runs")
    print(f"undisturbed {undisturbed.seconds:.0f} s, killed {killed.seconds:.0f} s")
    for what in ("worker", "controller", "all"):
        times = sorted(after for which, _, after in killed.kills if which == what)
        if times:
            print(
                f"{what}: {len(times)} kills, training goes on after "
                f"{times[len(times) // 2]:.2f} s (median), {times[-1]:.2f} s (most)"
            )


if __name__ == "__main__":
    main()
