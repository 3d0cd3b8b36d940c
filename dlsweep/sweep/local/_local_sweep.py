"""A sweep that is run without a server: its study, its executor, and the driver between them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

# Their names are imported with their first use, PyTorch and wandb among them.
import dlsweep.sweep.driver as driver
import dlsweep.sweep.study as studies
import dlsweep.tracking as tracking
from dlsweep.config import ConfigError
from dlsweep.sweep.driver import NO_SEED
from dlsweep.sweep.execution import visible_gpus
from dlsweep.sweep.file import SweepFile, data_configs
from dlsweep.sweep.local._executor import executor_of
from dlsweep.sweep.local._options import SweepOptions, confirm_options
from dlsweep.sweep.local._start import start_point
from dlsweep.sweep.search import affordable
from dlsweep.sweep.study import SEED

if TYPE_CHECKING:
    from dlsweep.sweep.driver import Adding, Driver, Jobs, Progress, StudyRuns
    from dlsweep.sweep.study import Row, Study, StudyTable

_log = logging.getLogger("dlsweep.sweep")

_GROWTH = 4
"""How many times as large a cluster may become while programs run, and still be used whole."""


class LocalSweep:
    """A sweep with the study that keeps its runs; a context manager that owns both.

    Args:
        sweep: what is searched.
        options: how.
        study: the study that keeps the runs, open; by default it is the sweep's own.
        adding: runs that are added to it, in place of the search.

    Raises:
        ConfigError: in one line, where it cannot be run; nothing is made then.
        ExecutorError: if a cluster cannot be used.

    Attributes:
        sweep, options: the same.
        mode: the mode of the wandb runs.
        study: the sweep's study.
        executor: where the runs are trained.
        before: the study as it was when it was opened.
    """

    def __init__(
        self,
        sweep: SweepFile,
        options: SweepOptions,
        *,
        study: Study | None = None,
        adding: Adding | None = None,
    ) -> None:
        self._adding = adding
        self.sweep = sweep
        self.options = options
        self._confirm = confirm_options(sweep, options)
        self._driver: Driver | None = None
        with contextlib.ExitStack() as undo:
            self.executor = executor_of(sweep, options, None if adding is None else len(adding))
            undo.callback(self.executor.close)
            self.executor.launch()  # workers start while this process imports PyTorch and wandb
            self.mode = self._choose_mode()
            if adding is None and sweep.command is None:
                self._prepare()
            first = []
            if options.start is not None:
                first = [start_point(sweep, options.start, options.storage)]
            self.study: Study = undo.enter_context(
                study
                or studies.Study.open(
                    sweep,
                    options.storage,
                    continue_from=options.continue_from,
                    repeats=options.repeats,
                    parameter=self._confirm.parameter or SEED,
                    first=first,
                    learn_from=options.learn_from,
                )
            )
            self.before = self.study.table()
            self._source = self._make_source(self._mirror() or (lambda row: None))
            self._undo = undo.pop_all()

    def __enter__(self) -> LocalSweep:
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def run(self, progress: Progress | None = None) -> None:
        """Run what is left of the sweep; on the first signal it leaves soon, and then returns.

        Raises:
            ExecutorError: if no worker can start.
            KeyboardInterrupt: on the second Ctrl-C.
        """
        made = driver.Driver(self._source, self.executor, jobs=self._jobs(), progress=progress)
        self._driver = made
        with driver.leaving_on_signals(lambda _: made.leave()):
            made.run()

    @property
    def left(self) -> bool:
        """Whether the driver left before the sweep was at its end."""
        return self._driver is not None and self._driver.leaving

    @property
    def complete(self) -> bool:
        """Whether nothing of the sweep is left to do, its confirmation included."""
        return self._source.exhausted and not self.study.open_runs

    @property
    def total(self) -> int | None:
        """How many runs the search has in all, every seed of a point counted; None without end."""
        points = self.study.total
        return None if points is None else points * self.options.repeats

    @property
    def confirms(self) -> str:
        """A line that says what will be confirmed at the end; empty where that is nothing."""
        total = self.total
        if total is None or not self.sweep.metric.name:
            return ""
        candidates, seeds = affordable(total, self.options.confirm, self.options.seeds)
        if not candidates:
            return ""
        if self._confirm.parameter is None:
            return f"the best will not be confirmed over new seeds: {NO_SEED}"
        if self.options.confirm is None and self.sweep.early_terminate is not None:
            return (
                "at the end the best configurations are trained again over new seeds, if that "
                "costs less than a tenth of the sweep; --confirm K always does, --confirm 0 never"
            )
        which = f"best {candidates} configurations are" if candidates > 1 else "best one is"
        return (
            f"at the end the {which} trained again over up to {seeds} new seeds, to tell the best "
            "from the luckiest; --confirm 0 does without"
        )

    @property
    def gave_up(self) -> Row | None:
        """The last of the failed runs for which the sweep has stopped; see ``ProgramSource``."""
        source = self._source
        return source.gave_up if isinstance(source, driver.ProgramSource) else None

    @property
    def unsent(self) -> int:
        """How many runs that were online W&B lacks something of."""
        return self._source.unsent

    @property
    def output(self) -> Path:
        """The folder in which each run of a program has one with its output."""
        file = Path(self.study.file).absolute()
        return file.with_name(f"{file.name}.output") / self.study.name

    def table(self) -> StudyTable:
        """The study so far."""
        return self.study.table()

    # What the sweep is made of

    def _choose_mode(self) -> str:
        mode = tracking.choose_mode("online" if self.options.online else "offline")
        if mode == "online" and not tracking.has_credentials():
            raise ConfigError(["--online: no W&B account is set up here; see `wandb login`"])
        if mode == "disabled" and self.sweep.command is not None:
            what = "program" if self.options.function is None else "function"
            line = f"WANDB_MODE: disabled; a {what}'s metrics are read from its wandb run"
            raise ConfigError([line])
        tracking.Opener(mode).check()
        return mode

    def _prepare(self) -> None:
        """Say what is doubtful, and compute features once, by all cores."""
        from dlsweep.data import ensure_features
        from dlsweep.sweep.local._doubts import doubts_of

        for line in doubts_of(self.sweep):
            _log.warning(line)
        for config in data_configs(self.sweep.parameters):
            ensure_features(config)

    def _mirror(self) -> Callable[[Row], None] | None:
        """What keeps the Optuna journal up to date; None where there is none."""
        if self.options.mirror is None:
            return None
        return studies.OptunaMirror(self.options.mirror, self.before).add

    def _make_source(self, on_ended: Callable[[Row], None]) -> StudyRuns:
        at_once = driver.runs_at_once(self.sweep.method, self.executor.device, self.executor.slots)
        if self.sweep.method == "bayes":
            at_once *= self.options.repeats
        if self.sweep.command is not None:
            keep_going = self.options.keep_going
            at_once = max(1, self.executor.slots)
            if self.options.cluster is not None and self.sweep.method != "bayes":
                at_once *= _GROWTH
            return driver.ProgramSource(
                self.study,
                at_once=at_once,
                on_ended=on_ended,
                confirm=self._confirm,
                adding=self._adding,
                keep_going=keep_going,
            )
        settings = dict(self.options.settings)
        for name in ("project", "entity"):
            value = getattr(self.options, name)
            if value is not None and f"wandb_{name}" not in self.sweep.parameters:
                settings.setdefault(f"wandb_{name}", value)
        return driver.StudySource(
            self.study,
            mode=self.mode,
            at_once=at_once,
            settings=settings,
            on_ended=on_ended,
            confirm=self._confirm,
            adding=self._adding,
        )

    def _jobs(self) -> Jobs | None:
        command, options = self.sweep.command, self.options
        if command is None:
            return None
        where = {"WANDB_PROJECT": options.project, "WANDB_ENTITY": options.entity}
        environment = {name: value for name, value in where.items() if value is not None}
        environment |= {
            "WANDB_MODE": self.mode,
            "WANDB_SWEEP_ID": self.sweep.fingerprint,
            "WANDB_RUN_GROUP": self.study.name,
        }
        return driver.ProgramJobs(
            command,
            metric=self.sweep.metric.name,
            folder=self.output,
            environment=environment,
            timeout=options.timeout,
            resume=options.resume,
            gpus=visible_gpus() if options.cluster is None else (),
            function=options.function,
        )
