"""How a sweep is run: its options, and those that cannot be as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlsweep.config import ConfigError
from dlsweep.sweep.driver import NO_SEED, ConfirmOptions
from dlsweep.sweep.file import Asha, SweepFile, varied_together
from dlsweep.sweep.study import SEED


@dataclass(frozen=True)
class SweepOptions:
    """How a sweep is run.

    Attributes:
        storage: see ``Study.open``.
        continue_from, learn_from: the same.
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
    learn_from: Sequence[str] = ()
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


def confirm_options(sweep: SweepFile, options: SweepOptions) -> ConfirmOptions:
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
    if options.learn_from and sweep.method != "bayes":
        problems.append(f"--learn-from: method {sweep.method} learns nothing; bayes does")
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
