"""One execution of a user's own program as a job: unchanged, its metrics read while it runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dlsweep.sweep.execution._events import Broken, Done, Epoch, Event, Left, Resumed
from dlsweep.sweep.execution._job import Checkpoint, Context
from dlsweep.sweep.execution._program import Program, how_it_ended, last_line
from dlsweep.sweep.file import Command
from dlsweep.tracking import Outcome, TransactionLog, find_logs
from dlsweep.training import FINISHED

_POLL_SECONDS = 0.1
_LOOK_REST = 20
"""How much longer than a search for logs the pause after it is: there may be 10,000 folders."""


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
    ``wandb.init`` ignore a project, entity or id in the program.

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
            it does not know, so that the run is recorded without the sweep's id.
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
            yield Broken(self.number, reason, traceback.format_exc())

    def _run(self, context: Context) -> Iterator[Event]:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.resume:
            self.output.unlink(missing_ok=True)
            for path in find_logs(self.wandb_dir, self.run_id):
                shutil.rmtree(path.parent)
        earlier = find_logs(self.wandb_dir, self.run_id)
        logs = _Logs(self.wandb_dir, self.run_id, earlier)
        rows = [row.values for path in earlier for row in TransactionLog(path).read()]
        if rows:
            history = [LoggedMetrics(i, values) for i, values in enumerate(rows, start=1)]
            yield Resumed(self.number, {0: history})
        environment = self._environment()
        settings_file = self.folder.absolute() / "settings.json"
        command = self.command.arguments(self.settings, settings_file, environment)
        with Program(command, self.cwd, environment, self.output) as program:
            yield from self._follow(program, context, logs, len(rows))

    def _environment(self) -> dict[str, str]:
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
        # The service that writes the runs of this process; each program has its own.
        environment.pop("WANDB_SERVICE", None)
        return environment

    def _follow(
        self, program: Program, context: Context, logs: _Logs, epoch: int
    ) -> Iterator[Event]:
        """Report what the program logs until it has ended.

        Args:
            program: the program.
            context: see ``Job.run``.
            logs: where it logs.
            epoch: how many rows it had logged before.
        """
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
            yield Left(self.number)
        elif ending == "timeout":
            yield Broken(self.number, f"the program had not ended after {self.timeout:g} s")
        elif ending or code == 0:
            outcome = Outcome(ending or FINISHED, last | logs.summary())
            yield Epoch(self.number, {}, {0: outcome})
            yield Done(self.number)
        else:
            yield Broken(self.number, f"{how_it_ended(code)}{last_line(self.output)}")


class _Logs:
    """What a program logs; it may begin its run several times, as a script of several programs.

    Args:
        directory: see ``find_logs``.
        run_id: the same.
        earlier: logs that are left out.
    """

    def __init__(self, directory: Path, run_id: str, earlier: Sequence[Path]) -> None:
        self._directory = directory
        self._run_id = run_id
        self._seen = [*earlier]
        self._log: TransactionLog | None = None
        self._look_at = 0.0

    def read(self, *, last: bool) -> list[dict[str, Any]]:
        """The new rows, by name.

        Args:
            last: the program has ended, so that there will be no more.
        """
        rows = [] if self._log is None else self._log.read()
        while self._log is None or self._log.exit_code is not None:
            began = time.monotonic()
            if began < self._look_at and not last:
                break
            found = find_logs(self._directory, self._run_id)
            now = time.monotonic()
            self._look_at = now + _LOOK_REST * (now - began)
            path = next((path for path in found if path not in self._seen), None)
            if path is None:
                break
            self._seen.append(path)
            self._log = TransactionLog(path)
            rows += self._log.read()
        return [row.values for row in rows]

    def summary(self) -> dict[str, Any]:
        """The summary of the last log."""
        return {} if self._log is None else self._log.summary
