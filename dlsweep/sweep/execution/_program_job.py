"""One execution of a user's own program as a job: unchanged, its metrics read while it runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
import traceback
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from dlsweep.sweep.execution._events import Broken, Done, Epoch, Event, Left, Notice, Resumed
from dlsweep.sweep.execution._job import Checkpoint, Context
from dlsweep.sweep.execution._program import Program, RunningProgram
from dlsweep.sweep.execution._program_logs import ProgramLogs
from dlsweep.sweep.file import Command
from dlsweep.tracking import Outcome, find_folders, find_logs
from dlsweep.training import FINISHED

_POLL_SECONDS = 0.1
_WITHOUT_SERVER = ("offline", "dryrun", "disabled")
"""What ``WANDB_MODE`` is where nothing is sent while the program runs."""
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class LoggedMetrics:
    """One row that a program has logged; see ``Metrics``.

    Attributes:
        epoch: the number of the row in the run's history, from 1.
        values: what was logged, by name; nested names are joined by dots.
    """

    epoch: int
    values: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """What was logged, by name."""
        return dict(self.values)


@dataclass(frozen=True)
class ProgramJob:
    """One execution of a program for one point of a sweep; see ``Job``.

    The program is member 0 of the job. Each row that it logs is an ``Epoch``; a last ``Epoch``
    without metrics has its outcome. A program that ends with another exit code than 0 is
    ``Broken``, with the last line of its output in the reason. When it has ended, or is killed, so
    are the processes that it has started and that are in its process group.

    The point reaches ``wandb.config`` whether or not the program reads its command line. wandb is
    offline unless the environment says otherwise. ``environment`` must have what else decides where
    the run belongs: ``WANDB_PROJECT``, ``WANDB_ENTITY`` and ``WANDB_SWEEP_ID``; the last makes
    ``wandb.init`` ignore a project, entity or id in the program. It shares out threads by
    ``OMP_NUM_THREADS`` and the like unless that is set already.

    ``Outcome.info`` and ``Broken.info`` say where the run is: ``output`` is the file with all that
    the program has written; the rest is there once the program has begun a run, see
    ``ProgramLogs.info``.

    A run is seen while it runs with wandb 0.31 or later; earlier versions write what was logged in
    pieces of 32 KiB, and when the run ends.

    Attributes:
        number: see ``Job``.
        command: what is run.
        settings: the point, by parameter; mappings for nested parameters.
        run_id: the id of its wandb run.
        folder: where its output and its settings are kept; made if missing.
        cwd: the working directory.
        environment: variables beside those of this process.
        metric: the metric of the sweep. The outcome's summary is W&B's, and the last value of this
            metric where W&B's does not have it.
        asks: whether the driver is asked after each row with the metric whether the program stops.
        timeout: seconds after which it is stopped and ``Broken``; None for no limit.
        resume: whether the program goes on with a run that was interrupted (``WANDB_RESUME``): what
            that run has logged and written is kept, and reported as ``Resumed``. Else it is removed
            and the run begins again.
        local_sweep: whether W&B does not know the sweep. Its server refuses a run of a sweep that
            it does not know, so that the id is taken out of the run's files before the end is
            reported. A program that is online does not get the id; it should not give its run an
            id of its own, by which it is not found.
        checkpoint: none; a program saves what it needs itself.
    """

    number: int
    command: Command
    settings: Mapping[str, Any]
    run_id: str
    folder: Path
    cwd: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    metric: str = ""
    asks: bool = False
    timeout: float | None = None
    resume: bool = False
    local_sweep: bool = True
    checkpoint: Checkpoint | None = None

    @property
    def output(self) -> Path:
        """The file with all that the program has written, standard error included."""
        return self.folder / "output.log"

    @property
    def wandb_dir(self) -> Path:
        """Where wandb makes its folder, as ``WANDB_DIR`` has it: by default the working directory.

        A program that passes ``dir`` to ``wandb.init`` has its run elsewhere, where it is not seen.
        """
        variables = {**os.environ, **self.environment}
        return self.cwd.absolute() / variables.get("WANDB_DIR", "")

    def run(self, context: Context) -> Iterator[Event]:
        """Run the program; see ``Job.run``."""
        try:
            yield from self._run(context)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            yield Broken(self.number, reason, traceback.format_exc(), info=self._output_info())

    def _run(self, context: Context) -> Iterator[Event]:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.resume:
            self.output.unlink(missing_ok=True)
        kept = find_logs(self.wandb_dir, self.run_id) if self.resume else []
        for folder in find_folders(self.wandb_dir, self.run_id):
            if folder not in [log.parent for log in kept]:
                shutil.rmtree(folder)
        logs = ProgramLogs(self.wandb_dir, self.run_id)
        if logs.earlier:
            history = [LoggedMetrics(i, values) for i, values in enumerate(logs.earlier, start=1)]
            yield Resumed(self.number, {0: history})
        environment = self._environment(context.threads)
        try:
            with self._start(environment) as program:
                ending = yield from self._follow(program, context, logs)
        finally:  # it may have been dropped
            problem = self._tidy(logs)
        if problem:
            yield Notice(self.number, problem)
        info = self._output_info() | logs.info()
        if isinstance(ending, Outcome):
            yield Epoch(self.number, {}, {0: replace(ending, info=info)})
            yield Done(self.number)
        elif isinstance(ending, Broken):
            yield replace(ending, info=info)
        else:
            yield ending

    def _start(self, environment: Mapping[str, str]) -> RunningProgram:
        """Start what is run, with these variables."""
        settings_file = self.folder.absolute() / "settings.json"
        command = self.command.arguments(self.settings, settings_file, environment)
        return Program(command, self.cwd, environment, self.output)

    def _output_info(self) -> dict[str, Any]:
        return {"output": str(self.output.absolute())} if self.output.exists() else {}

    def _tidy(self, logs: ProgramLogs) -> str:
        """Make the run's files such that W&B takes all of them; what went wrong, or nothing."""
        try:
            if self.local_sweep:
                logs.forget_sweep()
            logs.join()
        except OSError as error:
            return f"W&B would not take all of run {self.run_id}: {error}"
        return ""

    def _environment(self, threads: int) -> dict[str, str]:
        """The program's variables, by which an unchanged ``wandb.init`` gets run and point."""
        point = self.folder.absolute() / "point.yaml"
        settings = json.loads(json.dumps(self.settings, default=str))  # as the command has them
        values = {name: {"value": value} for name, value in settings.items()}
        point.write_text(
            yaml.safe_dump({"wandb_version": 1, **values}, sort_keys=False), encoding="utf-8"
        )
        environment = {
            "WANDB_MODE": "offline",
            **os.environ,
            **self.environment,
            "WANDB_DIR": str(self.wandb_dir),  # wherever the program changes its directory to
            "WANDB_RUN_ID": self.run_id,
            "WANDB_SWEEP_PARAM_PATH": str(point),
            "WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL": "0.5",
        }
        if self.resume:
            environment["WANDB_RESUME"] = "allow"
        if self.local_sweep and environment["WANDB_MODE"] not in _WITHOUT_SERVER:
            environment.pop("WANDB_SWEEP_ID", None)
        if "OMP_NUM_THREADS" not in environment:
            environment = dict.fromkeys(_THREADS, str(threads)) | environment
        # The service that writes the runs of this process; each program has its own.
        environment.pop("WANDB_SERVICE", None)
        return environment

    def _follow(
        self, program: RunningProgram, context: Context, logs: ProgramLogs
    ) -> Generator[Event, None, Outcome | Left | Broken]:
        """Report what the program logs until it has ended; returns what it came to.

        Args:
            program: the program.
            context: see ``Job.run``.
            logs: where it logs.
        """
        epoch = len(logs.earlier)
        last: dict[str, Any] = {}  # W&B's summary need not have the metric: ``define_metric``
        deadline = float("inf") if self.timeout is None else time.monotonic() + self.timeout
        ending = ""  # why it was told to end: a status, or "left" or "timeout"
        code = None
        while code is None:
            code = program.poll()  # before the logs are read: they are whole once this is a code
            for values in logs.read(last=code is not None):
                epoch += 1
                last = {self.metric: values[self.metric]} if self.metric in values else last
                metrics = {0: LoggedMetrics(epoch, values)}
                if self.asks and not ending and self.metric in values:
                    ending = context.ask(self.number, metrics).get(0, "")
                    if ending:
                        program.end(signal.SIGTERM)
                yield Epoch(self.number, metrics, {})
            stopped, leaving = context.stopped(), context.leaving  # they raise once it is dropped
            if code is not None or ending:
                pass
            elif 0 in stopped:
                ending = stopped[0]
                program.end(signal.SIGTERM)
            elif leaving:
                ending = "left"
                program.end(signal.SIGINT)
            elif time.monotonic() > deadline:
                ending = "timeout"
                program.end(signal.SIGTERM)
            if code is None:
                time.sleep(_POLL_SECONDS)
        if ending == "left":
            return Left(self.number)
        if ending == "timeout":
            return Broken(self.number, f"the program had not ended after {self.timeout:g} s")
        if ending or code == 0:
            return Outcome(ending or FINISHED, last | logs.summary())
        return Broken(self.number, program.reason(code))
