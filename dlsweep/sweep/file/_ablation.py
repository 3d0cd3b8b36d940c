"""A sweep that changes one setting of a configuration at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlsweep.config import VARIANT, ConfigError, parse_settings
from dlsweep.config.errors import as_yaml, fold, nearest, shown
from dlsweep.sweep.file._builtin import builtin_flags
from dlsweep.sweep.file._command import parse_command
from dlsweep.sweep.file._parse import parse_sweep

_SEED = "seed"


def ablation(
    base: Mapping[str, Any],
    factors: Mapping[str, Sequence[Any]],
    seeds: int = 1,
    together: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """A sweep over a base configuration and what differs from it in one setting alone.

    Args:
        base: settings by name; or a sweep file's mapping whose parameters have one value each,
            which may name a program: that gets ``variant``, a dictionary, beside its parameters.
        factors: for each setting the values that are tried in the place of the base's.
        seeds: each configuration is trained with so many seeds: the base's, and those after it.
        together: settings that are changed together, as one more variant each.

    Returns:
        The sweep file's mapping: a grid over ``variant`` and ``seed``.

    Raises:
        ConfigError: with one line for everything that is wrong.
    """
    keys = dict(base) if "parameters" in base else {"parameters": _as_parameters(base)}
    command = parse_command(keys.get("program"), keys.get("command"), [])
    builtin = builtin_flags(command, Path.cwd()) is not None
    fixed = _fixed(keys["parameters"], builtin)
    known = parse_settings(fixed)[0].as_dict() if builtin else fixed
    variants = [{**variant} for variant in together]
    problems: list[str] = []
    for key, values in factors.items():
        name, own = _named(key, values, fixed, builtin, problems)
        variants += [{name: value} for value in own if value != known.get(name)]
    if problems:
        raise ConfigError(problems)
    if not variants:
        raise ConfigError(["nothing differs from the base; name a setting, such as epochs=5,20"])
    first = next(iter(variants[0]))
    parameters: dict[str, Any] = {name: {"value": value} for name, value in fixed.items()}
    # An empty dictionary would do, but W&B drops it from the configuration of a run.
    parameters[VARIANT] = {"values": [{first: known[first]} if first in known else {}, *variants]}
    if seeds > 1:
        begin = fixed.get(_SEED, 0)
        if not builtin and _SEED not in fixed:
            raise ConfigError([f"--seeds: {_SEED} is not a parameter of the program's sweep file"])
        parameters[_SEED] = {"values": list(range(begin, begin + seeds))}
    metric = {"name": "val_accuracy", "goal": "maximize"} if builtin else None
    beside = {k: v for k, v in keys.items() if k not in ("parameters", "method", "metric")}
    found = {**beside, "method": "grid", "metric": keys.get("metric", metric)}
    found = {k: v for k, v in found.items() if v is not None} | {"parameters": parameters}
    parse_sweep(found, builtin=builtin)
    return found


def _as_parameters(base: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as a sweep file's parameters; W&B keeps those of a run in mappings of their own."""
    return {
        str(name): value if isinstance(value, Mapping) and "value" in value else {"value": value}
        for name, value in base.items()
        if name not in ("wandb_version", "_wandb")
    }


def _fixed(parameters: Any, builtin: bool) -> dict[str, Any]:
    """The base's value of each setting."""
    found, problems = {}, []
    for name, spec in parameters.items() if isinstance(parameters, Mapping) else ():
        listed = spec.get("values") if isinstance(spec, Mapping) else None
        if isinstance(spec, Mapping) and "value" in spec:
            found[name] = spec["value"]
        elif isinstance(listed, list) and len(listed) == 1:
            found[name] = listed[0]
        else:
            problems.append(f"{name}: got {shown(spec)}; the base of an ablation has one value")
    if problems:
        raise ConfigError(problems)
    return parse_settings(found)[1] if builtin else found


def _named(
    key: str, values: Sequence[Any], fixed: Mapping[str, Any], builtin: bool, problems: list[str]
) -> tuple[str, list[Any]]:
    """The setting that a factor means, and its values in canonical spelling."""
    own, name = [], key
    if not builtin:
        if key not in fixed:
            near = nearest(key, fixed)
            hint = f"; did you mean {near!r}?" if near else f"; choose from {', '.join(fixed)}"
            problems.append(f"{key}: no parameter of the base{hint}")
        return key, list(values)
    for value in values:
        try:
            _, settings, _ = parse_settings({key: value})
        except ConfigError as error:
            problems += [line for line in error.problems if line not in problems]
            continue
        name = next((n for n in settings if fold(n) == fold(key)), next(iter(settings), key))
        if len(settings) > 1:  # a list of sizes says the number of layers as well
            name = "hidden_size"
        own.append(settings[name])
    return name, own


def as_yaml_file(sweep: Mapping[str, Any], heading: str) -> str:
    """A sweep file's text: a line for each key, parameter and variant."""
    lines = [f"# {heading}"]
    for key, value in sweep.items():
        if key != "parameters":
            lines.append(f"{key}: {as_yaml(value)}")
            continue
        lines.append("parameters:")
        for name, spec in value.items():
            if name != VARIANT:
                lines.append(f"  {name}: {as_yaml(spec)}")
                continue
            lines += [f"  {name}:", "    values:"]
            lines += [f"      - {as_yaml(variant)}" for variant in spec["values"]]
    return "\n".join(lines) + "\n"
