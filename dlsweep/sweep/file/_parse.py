"""A sweep file, read and checked once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from dlsweep.config import SETTINGS, ConfigError, RunConfig
from dlsweep.config.errors import fold, shown
from dlsweep.config.kinds import checked_count
from dlsweep.config.own_model import is_own
from dlsweep.config.relations import without_effect
from dlsweep.sweep.file._builtin import builtin_flags
from dlsweep.sweep.file._builtin_space import BuiltinSpace
from dlsweep.sweep.file._command import Command, parse_command
from dlsweep.sweep.file._data import KnownData, beside_the_file
from dlsweep.sweep.file._distributions import Distribution
from dlsweep.sweep.file._early_terminate import Asha, parse_early_terminate
from dlsweep.sweep.file._flags import merge_flags
from dlsweep.sweep.file._metric import (
    EVERY_EPOCH,
    OF_AUTOENCODERS,
    Metric,
    parse_metric,
    parse_program_metric,
    unlike_losses,
)
from dlsweep.sweep.file._parameters import (
    flatten,
    parse_parameters,
    parse_program_parameters,
)
from dlsweep.sweep.file._program import missing_program
from dlsweep.sweep.file._scheduler import (
    LAUNCH_KEYS,
    SCHEDULER_KEYS,
    without_schedulers,
    written_metrics,
)
from dlsweep.sweep.file._sweep_file import SweepFile
from dlsweep.sweep.file._variant import as_settings
from dlsweep.sweep.file._yaml import read_choice, read_keys, read_yaml

METHODS: dict[str, tuple[str, ...]] = {
    "grid": ("grid_search",),
    "random": ("random_search",),
    "bayes": ("bayesian", "bayes_search", "bayesian_optimization", "bayesian_search"),
}
"""The search methods, with other spellings of them."""

_KEYS = (
    *("method", "metric", "parameters", "run_cap", "early_terminate", "name", "description"),
    *("project", "entity", "program", "command"),
)


def load_sweep(path: str | Path, *, builtin: bool | None = None) -> SweepFile:
    """The sweep that a file describes.

    For a program, values are what ``wandb sweep`` reads in the file, which is YAML 1.1.

    Args:
        path: the file.
        builtin: see ``parse_sweep``.

    Raises:
        ConfigError: with one line for everything that is wrong.
    """
    path = Path(path)
    written = read_yaml(path)
    notices: list[str] = []
    if isinstance(written, Mapping) and not _trains_builtin(written, builtin):
        ours, written = written, read_yaml(path, version_1_1=True)
        notices += _texts_of_numbers(ours, written)
    sweep = parse_sweep(written, path.stem, path, builtin=builtin)
    object.__setattr__(sweep, "notices", (*sweep.notices, *notices))
    return sweep


def parse_sweep(
    written: Any,
    name: str = "sweep",
    path: Path | None = None,
    *,
    builtin: bool | None = None,
    read_data: bool = True,
) -> SweepFile:
    """The sweep that a mapping in W&B's schema describes.

    Args:
        written: the mapping; keys, words and settings of built-in runs in any of their spellings.
        name: the sweep's name where the mapping has none.
        path: the file that the mapping was read from, for the record.
        builtin: True to train the built-in networks, whatever program is named; False for a
            program, of which nothing on disk is looked at; None to find out what is named, whose
            paths are relative to the working directory.
        read_data: of built-in runs, whether one's own data that is not in the cache yet is read,
            to find out whether it can serve them.

    Raises:
        ConfigError: with one line for everything that is wrong.
    """
    if not isinstance(written, Mapping):
        where = f"{path}: " if path else ""
        raise ConfigError([f"{where}got {shown(written)}, expected method, metric and parameters"])
    problems: list[str] = []
    notices: list[str] = []
    also = (*SCHEDULER_KEYS, *LAUNCH_KEYS)
    keys = read_keys(_without_ignored(written, notices), _KEYS, problems, also=also)
    keys = without_schedulers(keys, problems, notices)
    method = None
    if keys.get("method") is None:
        problems.append("method: missing; choose from grid, random, bayes")
    else:
        method = read_choice(keys["method"], METHODS, "method", problems, notices)
    command: Command | None = None
    flags: list[str] | None = []  # of the built-in
    wrong: list[str] = []
    if not builtin:
        command = parse_command(keys.get("program"), keys.get("command"), wrong)
        flags = None if wrong or builtin is False else builtin_flags(command, Path.cwd())
        problems += wrong
    program = command if flags is None else None
    metric, *others = _metrics(keys, method, program, problems, notices)
    paths: dict[str, tuple[str, ...]] = {}
    if program is None:
        written_parameters = keys.get("parameters")
        if path is not None:
            written_parameters = beside_the_file(written_parameters, path.parent)
        parameters = parse_parameters(written_parameters, method, problems, notices)
        if command is not None and flags:
            parameters = merge_flags(command, flags, parameters, problems, notices)
    else:
        if not wrong:
            problems += missing_program(program, None if builtin is False else Path.cwd())
        parameters, paths = parse_program_parameters(
            keys.get("parameters"), method, problems, notices
        )
    sweep = SweepFile(
        name=_text(keys, "name", problems) or name,
        method=method or "random",
        metric=metric,
        parameters=parameters,
        description=_text(keys, "description", problems) or "",
        run_cap=checked_count("run_cap", keys.get("run_cap"), problems),
        early_terminate=parse_early_terminate(
            keys.get("early_terminate"), problems, of_program=program is not None
        ),
        project=_place(keys, "project", problems),
        entity=_place(keys, "entity", problems),
        command=program,
        paths=paths,
        raw=written,
        path=path,
        others=tuple(others),
    )
    if program is None:
        problems += _never_logged(sweep.metrics, parameters)
    rule = sweep.early_terminate
    if program is None and rule is not None and metric.name not in EVERY_EPOCH:
        asha = isinstance(rule, Asha)
        effect = "type asha cannot judge the runs" if asha else "no effect"
        (problems if asha else notices).append(
            f"early_terminate: {effect}, for {metric.name} is known at the end of a run only; "
            "it needs a metric of every epoch, such as val_accuracy"
        )
    elif isinstance(rule, Asha):
        notices.append("early_terminate.type: asha is for sweeps here; W&B itself knows hyperband")
    if not problems and program is None:
        notices += _without_effect(parameters)
        losses = as_settings(parameters).get("loss")
        unlike = unlike_losses(metric, (losses and losses.support()) or ())
        notices += [unlike] if unlike else []
    if not problems:
        if isinstance(sweep.space, BuiltinSpace):
            sweep.space.data = KnownData(read_data)
        contradictions, about, _ = sweep.space.combinations
        problems += contradictions
        notices += about
    if problems:
        raise ConfigError(problems)
    object.__setattr__(sweep, "notices", tuple(notices))
    return sweep


def _without_ignored(written: Mapping[Any, Any], notices: list[str]) -> dict[Any, Any]:
    """A sweep file's keys without those that W&B ignores, each of which is a notice.

    These are ``count`` and ``seed``, keys that begin with ``x-``, ``_`` or a dot, and keys that
    only hold what YAML aliases elsewhere refer to.
    """
    found = dict(written)
    for key, value in written.items():
        name = fold(key)
        if name == "count":
            hint = "run_cap limits the runs of a sweep, and --count those of a command"
            notices.append(f"{key}: no effect here, nor in W&B; {hint}")
        elif name == "seed":
            hint = "a parameter seed is that of the runs"
            notices.append(f"{key}: no effect here, nor in W&B; {hint}")
        elif str(key).startswith(("x-", "_", ".")):
            notices.append(f"{key}: no effect of its own")
        elif name not in map(fold, _KEYS) and _refers_to({**written, key: None}, value):
            notices.append(f"{key}: no effect but where it is referred to")
        else:
            continue
        del found[key]
    return found


def _refers_to(content: Any, value: Any) -> bool:
    """Whether a list or mapping of YAML is found again in the content, as its aliases are.

    `<<` takes over the values of a mapping, so that one of these is enough.
    """
    sought = [value, *(value.values() if isinstance(value, Mapping) else ())]
    marks = {id(part) for part in sought if isinstance(part, Mapping | list) and part}

    def found(part: Any) -> bool:
        inner = part.values() if isinstance(part, Mapping) else part
        return isinstance(part, Mapping | list) and (id(part) in marks or any(map(found, inner)))

    return found(content)


def _trains_builtin(written: Mapping[Any, Any], builtin: bool | None) -> bool:
    if builtin is not None:
        return builtin
    keys = read_keys(written, ("program", "command"), [])
    command = parse_command(keys.get("program"), keys.get("command"), [])
    return builtin_flags(command, Path.cwd()) is not None


def _metrics(
    keys: Mapping[str, Any],
    method: str | None,
    program: Command | None,
    problems: list[str],
    notices: list[str],
) -> list[Metric]:
    """The metrics, at least one; a line of ``problems`` where there is none and the sweep needs it.

    Of several the first decides.
    """
    written = written_metrics(keys)
    if not written and (method == "bayes" or keys.get("early_terminate") is not None):
        need = "method bayes" if method == "bayes" else "early_terminate"
        example = "{name: val_accuracy, goal: maximize}"
        problems.append(f"metric: missing; {need} needs {example}")
        return [Metric()]
    if not written and program is None:
        notices.append("metric: missing; val_accuracy is maximized")
        return [Metric()]
    parse = parse_metric if program is None else parse_program_metric
    found = [parse(metric, problems, notices) for metric in written or [None]]
    names = [metric.name for metric in found]
    problems += [f"metrics: {n} is there twice" for n in dict.fromkeys(names) if names.count(n) > 1]
    if any(metric.target is not None for metric in found[1:]):
        notices.append("metrics: no effect of a target but that of the first")
        found[1:] = [dataclasses.replace(metric, target=None) for metric in found[1:]]
    if len(found) > 1:
        notices.append(
            f"metrics: the runs are ranked by {names[0]}; the best compromises are shown at the end"
        )
    return found


def _texts_of_numbers(*read: Mapping[Any, Any]) -> Iterator[str]:
    """A notice for each parameter that has a number in YAML 1.2 which is text in YAML 1.1.

    Args:
        read: the file, read as the one and as the other.
    """
    one, two = (read_keys(content, ("parameters",), []).get("parameters") for content in read)
    if not isinstance(one, Mapping) or not isinstance(two, Mapping):
        return
    for (path, spec), (_, other) in zip(flatten(one), flatten(two), strict=False):
        if not isinstance(spec, Mapping) or not isinstance(other, Mapping):
            continue
        for key in spec.keys() & other.keys() & {"value", "values"}:
            text = next(_texts(spec[key], other[key]), None)
            if text is not None:
                what = f"{text} is text in YAML 1.1, as W&B reads it"
                yield f"{'.'.join(path)}: {what}; write {_in_yaml_1_1(text)} for a number"


def _texts(ours: Any, theirs: Any) -> Iterator[str]:
    """The texts in a value of YAML 1.1 that are numbers in YAML 1.2."""
    if isinstance(theirs, str) and isinstance(ours, float):
        yield theirs
    elif isinstance(theirs, list) and isinstance(ours, list):
        for one, other in zip(ours, theirs, strict=False):
            yield from _texts(one, other)
    elif isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        yield from _texts([*ours.values()], [*theirs.values()])


def _in_yaml_1_1(text: str) -> str:
    """A number such as 1e-3 as YAML 1.1 has it: 0.001 or 1.0e-3."""
    mantissa, _, exponent = text.lower().partition("e")
    mantissa += "" if "." in mantissa else ".0"
    exponent = exponent if exponent[0] in "+-" else f"+{exponent}"
    plain = format(Decimal(text), "f")
    plain += "" if "." in plain else ".0"
    short = f"{plain} or " if len(plain) <= 12 else ""
    return f"{short}{mantissa}e{exponent}"


def _never_logged(metrics: Sequence[Metric], parameters: Mapping[str, Distribution]) -> list[str]:
    """What is wrong with metrics that none of the sweep's models logs."""
    default = (RunConfig().model,)
    parameters = as_settings(parameters)
    models = parameters["model"].support() if "model" in parameters else default
    if any(m == "autoencoder" or is_own(m) for m in models or ()):
        return []
    return [
        f"metric.name: {metric.name} is logged of model autoencoder alone; use val_accuracy"
        for metric in metrics
        if metric.name in OF_AUTOENCODERS
    ]


def _without_effect(parameters: Mapping[str, Distribution]) -> list[str]:
    """Notices of parameters that have no effect on any run of the sweep."""
    values = {name: (default,) for name, default in RunConfig().values().items()}
    varied = {name: tuple(d.support() or ()) for name, d in as_settings(parameters).items()}
    changed = [name for name, support in varied.items() if support != values.get(name)]
    return without_effect(changed, values | varied)


def _text(keys: dict[str, Any], key: str, problems: list[str]) -> str | None:
    value = keys.get(key)
    if isinstance(value, Mapping | list):
        problems.append(f"{key}: got {shown(value)}, expected text")
        return None
    return None if value is None else str(value).strip() or None


def _place(keys: dict[str, Any], key: str, problems: list[str]) -> str | None:
    """A project or an entity, held to what the setting of the runs takes."""
    value = _text(keys, key, problems)
    try:
        checked: str | None = SETTINGS[f"wandb_{key}"].parse(value)
    except ValueError as error:
        problems.append(f"{key}: got {shown(value)}, {error}")
        return None
    return checked
