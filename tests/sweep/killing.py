"""A sweep of tiny runs, and one who kills its processes: used by test_killing, and by hand.

    python -m tests.sweep.killing FOLDER [--runs 1000] [--workers 8] [--kills 20] [--seed 0]
    python -m tests.sweep.killing FOLDER --ray --runs 200 --workers 2 --kills 10 --node-kills 2

trains the same sweep undisturbed and killed, each in a folder of its own, and prints what was lost,
doubled or came out differently, and how long it took from each kill until training went on. With
``--ray`` the killed one runs on a Ray cluster of two nodes, the undisturbed one in local processes.
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
from typing import Any

from dlsweep.sweep.driver import Driver, Progress, StudySource
from dlsweep.sweep.execution import ProcessExecutor, choose_executor
from dlsweep.sweep.file import parse_sweep
from dlsweep.sweep.study import Row, Run, Study, read_study
from dlsweep.training import EpochMetrics
from tests.sweep.execution.ray_cluster import NODE, ray_cluster

METRIC = {"name": "val_accuracy", "goal": "maximize"}
LOG = "events.log"


def tiny(runs: int, epochs: int) -> Any:
    """A sweep of so many tiny runs (a multiple of four), of one epoch or of ``epochs``."""
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
                "epochs": {"values": [1, epochs]},
                "optimizer": {"values": ["sgd", "nadam"]},
                "seed": {"values": list(range(runs // 4))},
            },
        }
    )


class Log(Progress):
    """The progress of a driver, written down line by line, with times."""

    def __init__(self) -> None:
        self._file = open(LOG, "a", buffering=1)  # noqa: SIM115

    def started(self, runs: Sequence[Run]) -> None:
        """See ``Progress``."""

    def epoch(self, run: Run, metrics: EpochMetrics) -> None:
        """See ``Progress``."""
        self._file.write(f"{time.time()} trained {run.number}\n")

    def ended(self, row: Row) -> None:
        """See ``Progress``."""
        self._file.write(f"{time.time()} ended {row.number}\n")


def control(runs: int, epochs: int, workers: int, cluster: str | None) -> None:
    """What is killed: the driver of a sweep, here."""
    with Study.open(tiny(runs, epochs), "study.db") as study:
        executor = choose_executor("cpu", cluster=cluster) if cluster else ProcessExecutor(workers)
        source = StudySource(study, mode="offline", at_once=256)
        Driver(source, executor, progress=Log(), save_seconds=0.0).run()


def workers_of(pids: Sequence[int]) -> list[int]:
    """The workers among the children of a driver, or of the nodes of a Ray cluster."""
    workers = []
    for pid in pids:
        with contextlib.suppress(OSError):
            for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
                command = Path(f"/proc/{child}/cmdline").read_bytes()
                if b"execution._worker" in command or command.startswith(b"ray::RayWorker"):
                    workers.append(child)
    return workers


class Nodes:
    """The two nodes of a Ray cluster, of which the second can be killed.

    Args:
        cluster: as Ray has it.
        cores: of each node.
    """

    def __init__(self, cluster: Any, cores: int) -> None:
        self._cluster = cluster
        self._node = {**NODE, "num_cpus": cores}

    @property
    def pids(self) -> list[int]:
        """The processes that have started the workers."""
        return [
            process.process.pid
            for node in self._cluster.list_all_nodes()
            for process in node.all_processes["raylet"]
        ]

    def kill(self) -> None:
        """Kill a node, and let another one join."""
        [node] = self._cluster.worker_nodes
        self._cluster.remove_node(node, allow_graceful=False)
        self._cluster.add_node(**self._node)


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
        log: (time, word, number) of all that its drivers told.
        kills: what was killed, when, and how many seconds later something was trained again.
        seconds: the whole took so long.
        orphans: workers that were still there some seconds after their driver.
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
    """What the drivers have told so far; a line that is being written is left out."""
    try:
        lines = (folder / LOG).read_text().splitlines()
    except OSError:
        return []
    split = [line.split() for line in lines]
    return [(float(s[0]), s[1], int(s[2])) for s in split if len(s) == 3]


@dataclass(frozen=True)
class Plan:
    """What is trained, where, and what is killed meanwhile.

    Attributes:
        kills: of workers and drivers.
        node_kills: of nodes, on Ray.
        ray: whether the sweep runs on a Ray cluster of two nodes.
        epochs: of the longer runs.
    """

    runs: int
    workers: int
    kills: int = 0
    node_kills: int = 0
    seed: int = 0
    ray: bool = False
    epochs: int = 3


def run(folder: Path, plan: Plan) -> Outcome:
    """Train the sweep in a folder, killing processes as planned, until all is done."""
    folder.mkdir(parents=True)
    if not plan.ray:
        return _run(folder, plan, None, None)
    cores = plan.workers // 2
    with ray_cluster(cores=cores) as (cluster, address):
        return _run(folder, plan, address, Nodes(cluster, cores))


def _run(folder: Path, plan: Plan, address: str | None, nodes: Nodes | None) -> Outcome:
    draw = random.Random(plan.seed)
    choices = ["worker", "driver"] if plan.ray else ["worker", "driver", "all"]
    planned = [draw.choice(choices) for _ in range(plan.kills)] + ["node"] * plan.node_kills
    draw.shuffle(planned)
    command = [sys.executable, "-m", "tests.sweep.killing", "--control"]
    command += ["--runs", str(plan.runs), "--workers", str(plan.workers)]
    command += ["--epochs", str(plan.epochs), *(["--cluster", address] if address else [])]
    killed: list[tuple[str, float]] = []
    orphans: list[int] = []

    began = time.time()
    process: subprocess.Popen[bytes] | None = None
    try:
        while process is None or process.poll() != 0:
            if process is None or process.poll() is not None:
                if process is not None and process.returncode != -signal.SIGKILL:
                    raise RuntimeError(f"the driver ended with {process.returncode}")
                with open(folder / "errors.log", "ab") as errors:
                    process = subprocess.Popen(command, cwd=folder, stderr=errors)
            since = killed[-1][1] if killed else 0.0
            if len(killed) < len(planned) and any(when > since for when, *_ in _last(folder)):
                time.sleep(draw.uniform(0.0, 0.5))
                workers = workers_of(nodes.pids if nodes else [process.pid])
                what = planned[len(killed)]
                if what == "node" and nodes:
                    killed.append((what, time.time()))
                    nodes.kill()
                elif what == "worker" and workers:
                    killed.append((what, time.time()))
                    _kill(draw.choice(workers))
                elif what != "worker":
                    killed.append((what, time.time()))
                    for pid in [process.pid, *(workers if what == "all" else [])]:
                        _kill(pid)
                    process.wait()
                    orphans += _survivors(workers)
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


def _last(folder: Path) -> list[tuple[float, str, int]]:
    """The last event so far."""
    return events(folder)[-1:]


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
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--node-kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ray", action="store_true")
    parser.add_argument("--control", action="store_true")
    parser.add_argument("--cluster")
    a = parser.parse_args()
    if a.control:
        control(a.runs, a.epochs, a.workers, a.cluster)
        return
    plan = Plan(a.runs, a.workers, a.kills, a.node_kills, a.seed, a.ray, a.epochs)
    quiet = Plan(a.runs, a.workers, epochs=a.epochs)
    undisturbed = run(a.folder / "undisturbed", quiet)
    killed = run(a.folder / "killed", plan)
    print(f"{a.runs} runs, {a.workers} workers, {len(killed.kills)} kills")
    print(
        f"lost {len(killed.lost(a.runs))}, doubled {len(killed.doubled())}, "
        f"orphans {len(killed.orphans)}"
    )
    print(f"different from the undisturbed sweep: {differences(killed, undisturbed)}")
    folders = killed.folders()
    print(f"wandb folders: {sum(folders.values())} for {len(folders)} runs")
    print(f"undisturbed {undisturbed.seconds:.0f} s, killed {killed.seconds:.0f} s")
    for what in ("worker", "driver", "all", "node"):
        times = sorted(after for which, _, after in killed.kills if which == what)
        if times:
            print(
                f"{what}: {len(times)} kills, training goes on after "
                f"{times[len(times) // 2]:.2f} s (median), {times[-1]:.2f} s (most)"
            )


if __name__ == "__main__":
    main()
