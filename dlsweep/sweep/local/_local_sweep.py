"""A sweep that is run without a server: its study, its executor, and the driver between them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlsweep.config import ConfigError
from dlsweep.data import ensure_features
from dlsweep.sweep.driver import (
    NO_SEED,
    Adding,
    ConfirmOptions,
    Driver,
    Jobs,
    ProgramJobs,
    ProgramSource,
    Progress,
    StudyRuns,
    StudySource,
    leaving_on_signals,
    runs_at_once,
)
from dlsweep.sweep.execution import (
    Executor,
    InProcessExecutor,
    choose_executor,
    choose_program_executor,
    visible_gpus,
)
from dlsweep.sweep.file import Asha, SweepFile, as_settings, data_configs, varied_together
from dlsweep.sweep.local._doubts import doubts_of
from dlsweep.sweep.local._start import start_point
from dlsweep.sweep.search import affordable
from dlsweep.sweep.study import SEED, Row, Study, StudyTable
from dlsweep.tracking import Opener, choose_mode, has_credentials
from dlsweep.training import choose_device

_log = logging.getLogger("dlsweep.sweep")

_GROWTH = 4
"""How many times as large a cluster may become while programs run, and still be used whole."""


@dataclass(frozen=True)
class SweepOptions:
    """How a sweep is run.

    Attributes:
        storage: see ``Study.open``.
        continue_from: the same.
        mirror: an Optuna journal file that is kept up to date; None for none.
        online: whether runs are sent to W&B while they are trained.
        workers: how many stacks or programs run at once; see ``choose_executor`` and
            ``choose_program_executor``.
        cluster: the address of a Ray cluster; None for this machine.
        settings: settings of built-in runs that override the sweep's, such as the device.
        project, entity: where W&B puts the runs; None to leave that to W&B.
        timeout: seconds after which a program has failed; None for no limit.
        keep_going: go on although the first programs all fail alike.
        resume: let a program that was interrupted go on with its run; see ``ProgramJob``.
        function: called for each run instead of a program.
        confirm: how many of the best configurations are trained over new seeds at the end; 0 for
            none, None for as many as cost less than a tenth of the sweep.
        seeds: how many new seeds each gets at most.
        seed_parameter: of a program, the parameter that is its seed.
        repeats: how many seeds each point is trained with.
        start: what is tried first; see ``start_point``.
    """

    storage: str | None = None
    continue_from: str | None = None
    mirror: Path | None = None
    online: bool = False
    workers: int | None = None
    cluster: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    project: str | None = None
    entity: str | None = None
    timeout: float | None = None
    keep_going: bool = False
    resume: bool = False
    function: Callable[[], object] | None = None
    confirm: int | None = None
    seeds: int | None = None
    seed_parameter: str | None = None
    repeats: int = 1
    start: str | None = None


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
        self.mode = choose_mode("online" if options.online else "offline")
        if self.mode == "online" and not has_credentials():
            raise ConfigError(["--online: no W&B account is set up here; see `wandb login`"])
        Opener(self.mode).check()
        for line in doubts_of(sweep) if adding is None else ():
            _log.warning(line)
        if sweep.command is None:  # once, by all cores, before workers ask for them
            for config in data_configs(sweep.parameters):
                ensure_features(config)
        self._confirm = _confirm_options(sweep, options)
        first = []
        if options.start is not None:
            first = [start_point(sweep, options.start, options.storage)]
        self._driver: Driver | None = None
        with contextlib.ExitStack() as undo:
            self.executor = self._choose_executor()
            undo.callback(self.executor.close)
            self.executor.launch()  # workers start while the study is opened
            self.study: Study = undo.enter_context(
                study
                or Study.open(
                    sweep,
                    options.storage,
                    continue_from=options.continue_from,
                    repeats=options.repeats,
                    parameter=self._confirm.parameter or SEED,
                    first=first,
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
        driver = Driver(self._source, self.executor, jobs=self._jobs(), progress=progress)
        self._driver = driver
        with leaving_on_signals(lambda _: driver.leave()):
            driver.run()

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
        return self._source.gave_up if isinstance(self._source, ProgramSource) else None

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

    def _choose_executor(self) -> Executor:
        options, sweep = self.options, self.sweep
        runs = min((n for n in (sweep.run_cap, sweep.size) if n is not None), default=None)
        runs = None if runs is None else runs * options.repeats
        if self._adding is not None:
            runs = len(self._adding)
        if sweep.command is not None:
            if self.mode == "disabled":
                what = "program" if options.function is None else "function"
                line = f"WANDB_MODE: disabled; a {what}'s metrics are read from its wandb run"
                raise ConfigError([line])
            if options.function is not None:
                return InProcessExecutor()
            return choose_program_executor(options.workers, runs, options.cluster)
        devices = devices_of(sweep, options.settings)
        if options.cluster is None:  # else its machines have devices of their own
            for device in devices:
                choose_device(device)
        device = devices[0] if len(devices) == 1 else "auto"
        return choose_executor(device, options.workers, runs, options.cluster)

    def _mirror(self) -> Callable[[Row], None] | None:
        """What keeps the Optuna journal up to date; None where there is none."""
        if self.options.mirror is None:
            return None
        from dlsweep.sweep.study import OptunaMirror  # and Optuna, which takes a while to import

        return OptunaMirror(self.options.mirror, self.before).add

    def _make_source(self, on_ended: Callable[[Row], None]) -> StudyRuns:
        at_once = runs_at_once(self.sweep.method, self.executor.device, self.executor.slots)
        if self.sweep.method == "bayes":
            at_once *= self.options.repeats
        if self.sweep.command is not None:
            keep_going = self.options.keep_going
            at_once = max(1, self.executor.slots)
            if self.options.cluster is not None and self.sweep.method != "bayes":
                at_once *= _GROWTH
            return ProgramSource(
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
        return StudySource(
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
        return ProgramJobs(
            command,
            metric=self.sweep.metric.name,
            folder=self.output,
            environment=environment,
            timeout=options.timeout,
            resume=options.resume,
            gpus=visible_gpus() if options.cluster is None else (),
            function=options.function,
        )


def _confirm_options(sweep: SweepFile, options: SweepOptions) -> ConfirmOptions:
    """How a sweep is confirmed; a ConfigError where what a user asks for cannot be done."""
    problems = []
    parameter = options.seed_parameter if sweep.command is not None else SEED
    if options.confirm and not sweep.metric.name:
        problems.append("--confirm: the sweep has no metric, so that none of its runs is the best")
    elif options.confirm and parameter is None:
        problems.append(f"--confirm: {NO_SEED}")
    if options.repeats > 1 and parameter is None:
        problems.append(f"--repeats: {NO_SEED}")
    elif options.repeats > 1 and parameter in _varied(sweep):
        problems.append(f"--repeats: the sweep file varies {parameter} already; give it one value")
    if isinstance(sweep.early_terminate, Asha):
        if options.repeats > 1:
            problems.append("--repeats: early_terminate of type asha judges runs; use hyperband")
        if options.mirror is not None:
            problems.append("--mirror: runs of type asha end more than once; use `dlsweep export`")
        if options.cluster is not None:
            problems.append("--cluster: early_terminate of type asha pauses runs; use hyperband")
    if options.seeds is not None and options.confirm == 0:
        problems.append("--seeds: has no effect with --confirm 0")
    if options.seed_parameter is not None and sweep.command is not None:
        known = sweep.parameters.get(options.seed_parameter)
        values = known.support() if known is not None else ()
        if values is None or not all(type(value) is int for value in values):
            got = f"{options.seed_parameter} is not a whole number in the sweep file"
            problems.append(f"--seed-parameter: {got}; a seed is one")
    if problems:
        raise ConfigError(problems)
    return ConfirmOptions(options.confirm, options.seeds, parameter)


def _varied(sweep: SweepFile) -> list[str]:
    """The parameters that a sweep varies, those of its variants too."""
    return [*(axis.setting for axis in sweep.space.axes), *varied_together(sweep.parameters)]


def options_without_effect(
    sweep: SweepFile, options: Mapping[str, Any], *, function: bool = False
) -> dict[str, str]:
    """Which options that are set have no effect on what a sweep runs, and why.

    Args:
        sweep: the sweep.
        options: the values of options by name; None and False are not set.
        function: whether a function is called instead of the sweep's program.
    """
    if function:
        names: tuple[str, ...] = ("workers", "device", "cluster", "builtin")
        why = "has no effect on a function, which is called in this process, once at a time"
    elif sweep.command is None:
        names = ("timeout", "keep_going", "resume", "seed_parameter")
        why = "is for programs; the built-in networks are trained here"
    else:
        names = ("device",)
        why = "has no effect on a program; CUDA_VISIBLE_DEVICES says which GPUs it may use"
    return {name: why for name in names if options.get(name)}


def devices_of(sweep: SweepFile, settings: Mapping[str, Any]) -> list[str]:
    """The devices that the built-in runs of a sweep are trained on: by a setting, or the sweep."""
    if "device" in settings:
        return [settings["device"]]
    distribution = as_settings(sweep.parameters).get("device")
    return list((distribution and distribution.support()) or ["auto"])
