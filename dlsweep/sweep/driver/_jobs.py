"""What a sweep runs: stacks of built-in networks, or a program for each run."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.config import RunConfig
from dlsweep.sweep.driver._queue import Queue, StackQueue
from dlsweep.sweep.execution import (
    SAVE_SECONDS,
    Checkpoint,
    Executor,
    FunctionJob,
    Job,
    ProgramJob,
    StackJob,
)
from dlsweep.sweep.file import Command, Settings

if TYPE_CHECKING:
    from dlsweep.sweep.driver._source import Source
    from dlsweep.sweep.study import PlannedStack, Run


class Jobs(ABC):
    """Plans the runs of a sweep, and makes the jobs that an executor runs."""

    leaving: str
    """What a user reads when the driver leaves."""

    @abstractmethod
    def queue(self, executor: Executor) -> Queue:
        """The queue that plans new runs."""

    @abstractmethod
    def job(
        self,
        number: int,
        stack: PlannedStack,
        places: Mapping[int, Run],
        source: Source,
        *,
        asks: bool,
    ) -> Job:
        """The job that trains a stack.

        Args:
            number: of the job.
            stack: which runs are trained together.
            places: those of them that have not ended, by their place in the stack.
            source: has the configurations of all of them.
            asks: whether the job asks the driver after each epoch which of them stop.
        """

    def ended(self, number: int) -> None:
        """A job has ended, whatever became of its runs."""


class StackJobs(Jobs):
    """Trains built-in networks in stacks.

    Args:
        save_seconds: the least time between two checkpoints of a stack.
    """

    leaving = "leaving after the present epoch; Ctrl-C again leaves now"

    def __init__(self, save_seconds: float = SAVE_SECONDS) -> None:
        self._save_seconds = save_seconds

    def queue(self, executor: Executor) -> Queue:
        """The queue that plans new runs."""
        return StackQueue(executor)

    def job(
        self,
        number: int,
        stack: PlannedStack,
        places: Mapping[int, Run],
        source: Source,
        *,
        asks: bool,
    ) -> Job:
        """The job that trains a stack."""
        configs = [source.config(member) for member in stack.members]
        networks = [config for config in configs if isinstance(config, RunConfig)]
        longest = max(config.epochs for config in networks)
        rungs = source.rungs(longest)
        return StackJob(
            number,
            networks,
            asks=asks,
            checkpoint=Checkpoint(source.checkpoint(stack), frozenset(places)),
            save_seconds=self._save_seconds,
            rungs=frozenset(rungs),
            alone=bool(rungs),
        )


class ProgramJobs(Jobs):
    """Runs a program for each run, in the working directory of this process.

    Args:
        command: of the sweep.
        metric: the name of the sweep's metric.
        folder: where each run has a folder, named as the run, for its output and its settings.
        environment: variables for the program beside those of this process; see ``ProgramJob``.
        local_sweep: whether W&B does not know the sweep; see ``ProgramJob``.
        timeout: seconds after which a program is stopped, and its run has failed.
        resume: whether a program that was interrupted goes on with its run; see ``ProgramJob``.
        gpus: the GPUs to share out, as ``CUDA_VISIBLE_DEVICES`` names them; none to leave that.
        function: called instead of running the command; see ``FunctionJob``.
    """

    leaving = "the programs were interrupted and have 30 s to end; Ctrl-C again kills them"

    def __init__(
        self,
        command: Command,
        *,
        metric: str,
        folder: Path,
        environment: Mapping[str, str],
        local_sweep: bool = True,
        timeout: float | None = None,
        resume: bool = False,
        gpus: Sequence[str] = (),
        function: Callable[[], object] | None = None,
    ) -> None:
        self._command = command
        self._metric = metric
        self._folder = folder.absolute()
        self._environment = dict(environment)
        self._local_sweep = local_sweep
        self._timeout = timeout
        self._resume = resume
        self._function = function
        self._load = Counter(dict.fromkeys(gpus, 0))  # how many programs use each GPU
        self._using: dict[int, str] = {}  # the GPU of each job

    def queue(self, executor: Executor) -> Queue:
        """The queue that plans new runs."""
        return Queue()

    def job(
        self,
        number: int,
        stack: PlannedStack,
        places: Mapping[int, Run],
        source: Source,
        *,
        asks: bool,
    ) -> Job:
        """The job that trains a stack."""
        [run] = places.values()
        assert isinstance(run.config, Settings)
        environment = dict(self._environment)
        if self._local_sweep:  # else W&B names the run
            environment["WANDB_NAME"] = run.name
            marks = source.marks(run)
            environment |= {"WANDB_JOB_TYPE": marks["job_type"]} if "job_type" in marks else {}
            environment |= {"WANDB_TAGS": ",".join(marks["tags"])} if "tags" in marks else {}
        if self._load:
            gpu = min(self._load, key=self._load.__getitem__)
            self._load[gpu] += 1
            self._using[number] = environment["CUDA_VISIBLE_DEVICES"] = gpu
        facts: dict[str, Any] = {
            "number": number,
            "command": self._command,
            "settings": run.config.nested(),
            "run_id": run.run_id,
            "folder": self._folder / run.name,
            "cwd": Path.cwd(),
            "environment": {
                k: v for k, v in environment.items() if k not in _OWN or k not in os.environ
            },
            "metric": self._metric,
            "asks": asks,
            "timeout": self._timeout,
            "resume": self._resume,
            "local_sweep": self._local_sweep,
        }
        if self._function is not None:
            return FunctionJob(**facts, function=self._function)
        return ProgramJob(**facts)

    def ended(self, number: int) -> None:
        """A job has ended, whatever became of its runs."""
        if number in self._using:
            self._load[self._using.pop(number)] -= 1


_OWN = ("WANDB_NAME", "WANDB_RUN_GROUP", "WANDB_JOB_TYPE", "WANDB_TAGS")
"""Variables that a user's own come before."""
