"""The ``parameters`` of a sweep file: from what users write to one distribution per setting."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from dlsweep.config import SETTINGS, ConfigError, canonical_value, setting_name, unknown_setting
from dlsweep.config.errors import as_yaml, did_you_mean, fold, shown
from dlsweep.sweep.file._distributions import (
    DISTRIBUTIONS,
    Categorical,
    Continuous,
    Distribution,
    IntUniform,
)
from dlsweep.sweep.file._metric import number
from dlsweep.sweep.file._yaml import read_keys

_KEYS: tuple[str, ...] = ("value", "values", "probabilities", "distribution", "min", "max")
_KEYS += ("mu", "sigma", "q", "a", "b")
_GRID = ("categorical", "constant", "int_uniform", "q_uniform")
_MOST_STEPS = 1e12  # of a q: values have twelve digits
_PROBES = (1e-9, *(i / 100 for i in range(1, 100)), 1 - 1e-9)


def parse_parameters(
    written: Any, method: str | None, problems: list[str], notices: list[str]
) -> dict[str, Distribution]:
    """The distribution of every setting that a sweep file names.

    Args:
        written: the file's ``parameters``, possibly nested.
        method: grid allows only what can be listed; None where the file's method is unknown.
        problems: gets one line for everything that is wrong.
        notices: gets one line for everything that was taken for something else.

    Returns:
        Distributions by the setting's canonical name, in the order of the names, which is the
        order of W&B's grid search.
    """
    if not isinstance(written, Mapping) or not written:
        example = "learning_rate: {values: [0.001, 0.0001]}"
        problems.append(f"parameters: got {shown(written)}, expected settings such as {example}")
        return {}
    found: dict[str, Distribution] = {}
    keys: dict[str, str] = {}
    for key, spec in _flatten(written):
        name = setting_name(key)
        if name is None:
            problems.append(unknown_setting(key))
        elif name in keys:
            problems.append(f"{name} is given twice, as {keys[name]} and as {key}")
        else:
            keys[name] = key
            respelled = fold(key) != fold(name)
            if respelled:
                notices.append(f"{key} was taken for {name}")
            try:
                found[name] = _parameter(name, spec, method, notices)
            except ConfigError as error:
                start = f"{name}:"
                problems += [
                    f"{key} ({name}):{problem.removeprefix(start)}"
                    if respelled and problem.startswith(start)
                    else problem
                    for problem in error.problems
                ]
    return dict(sorted(found.items()))


def _flatten(mapping: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested ``parameters`` as ("outer.inner", specification)."""
    for key, spec in mapping.items():
        nested = None
        if isinstance(spec, Mapping) and len(spec) == 1:
            inner, nested = next(iter(spec.items()))
            nested = nested if fold(inner) == "parameters" else None
        if isinstance(nested, Mapping) and nested:
            yield from _flatten(nested, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", spec


def _parameter(name: str, spec: Any, method: str | None, notices: list[str]) -> Distribution:
    """One setting's distribution; raises ConfigError with all that is wrong about it."""
    if not isinstance(spec, Mapping) or not spec:
        key = "values" if isinstance(spec, list) else "value"
        example = "{values: [...]}" if spec in (None, {}) else f"{{{key}: {as_yaml(spec)}}}"
        raise ConfigError([f"{name}: got {shown(spec)}; write {example}"])
    problems: list[str] = []
    keys = read_keys(spec, _KEYS, problems, f"{name}.", also=("parameters",))
    if problems:
        raise ConfigError(problems)
    kind = _kind_of(name, keys, notices)
    arguments = _arguments(name, kind, keys, notices)
    distribution = DISTRIBUTIONS[kind].make(**arguments)
    if method == "grid" and (
        kind not in _GRID or (isinstance(distribution, Categorical) and distribution.probabilities)
    ):
        raise ConfigError(
            [f"{name}: got {kind}, which method grid cannot list; give values, or use random"]
        )
    _check(name, kind, distribution, notices)
    return distribution


def _kind_of(name: str, keys: dict[str, Any], notices: list[str]) -> str:
    """The distribution that is named, or that the keys imply as in W&B's schema."""
    if "parameters" in keys:
        raise ConfigError([f"{name}.parameters: cannot be mixed with a distribution of its own"])
    categorical = "categorical_w_probabilities" if "probabilities" in keys else "categorical"
    wanted = keys.pop("distribution", None)
    if wanted is not None:
        kind = {fold(kind): kind for kind in DISTRIBUTIONS}.get(fold(wanted))
        if kind is None:
            why = f"got {shown(wanted)}, not a distribution{did_you_mean(wanted, DISTRIBUTIONS)}"
            raise ConfigError([f"{name}.distribution: {why}"])
        return categorical if kind == "categorical" else kind
    if "value" in keys:
        return "constant"
    if "values" in keys:
        return categorical
    missing = [key for key in ("min", "max") if key not in keys]
    if missing:
        what = f"{missing[0]} is missing" if len(missing) == 1 else ""
        raise ConfigError([f"{name}: {what or 'needs value, values, or min and max'}"])
    low, high = _as_number(keys["min"]), _as_number(keys["max"])
    if isinstance(low, int) and isinstance(high, int):
        if _takes(name, 0.5):
            notices.append(
                f"{name}: min {low} and max {high} are whole numbers, so only whole numbers are "
                f"drawn, as W&B does; write {low}.0 and {high}.0 for all numbers between"
            )
        return "int_uniform"
    if isinstance(low, int) != isinstance(high, int):
        raise ConfigError(
            [
                f"{name}: got min {keys['min']} and max {keys['max']}, a whole number and a "
                "decimal one; write both alike, or give the distribution (W&B refuses this too)"
            ]
        )
    return "uniform"


def _as_number(value: Any) -> Any:
    """A number that was read as text, as the int or float that it shows."""
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return number(value)
    return value


def _takes(name: str, value: Any) -> bool:
    try:
        SETTINGS[name].parse(value)
    except ValueError:
        return False
    return True


def _arguments(name: str, kind: str, keys: dict[str, Any], notices: list[str]) -> dict[str, Any]:
    """The arguments of a distribution, checked one by one and against each other."""
    needs, defaults = DISTRIBUTIONS[kind].needs, DISTRIBUTIONS[kind].defaults
    unknown = [key for key in keys if key not in needs and key not in defaults]
    problems = [f"{name}.{key}: does not belong to {kind}" for key in unknown]
    problems += [f"{name}.{key}: missing; {kind} needs it" for key in needs if key not in keys]
    if problems:
        raise ConfigError(problems)
    missing = [key for key in defaults if key not in keys]
    if missing:
        values = ", ".join(f"{key} {defaults[key]:g}" for key in missing)
        notices.append(f"{name}: {kind} without {', '.join(missing)}: W&B's {values} is taken")
    if kind == "constant":
        return {"value": _constant(name, keys["value"], notices)}
    if kind in ("categorical", "categorical_w_probabilities"):
        return _listed(name, keys, notices)
    arguments: dict[str, Any] = {}
    for key, value in {**defaults, **keys}.items():
        arguments[key] = number(value)
        if arguments[key] is None:
            problems.append(f"{name}.{key}: got {shown(value)}, expected a number")
    if problems:
        raise ConfigError(problems)
    if kind == "int_uniform":
        problems = [
            f"{name}.{key}: got {shown(keys[key])}, expected a whole number for int_uniform"
            for key, value in arguments.items()
            if value != int(value)
        ]
        arguments = {key: int(value) for key, value in arguments.items()}
    low, high = arguments.get("min"), arguments.get("max")
    if low is not None and high is not None and low >= high:
        problems.append(f"{name}: got min {low:g} and max {high:g}, expected min < max")
    positive = ["sigma", "a", "b", "q"] + (["min"] if kind.endswith("log_uniform_values") else [])
    for key in positive:
        if key in arguments and arguments[key] <= 0:
            problems.append(f"{name}.{key}: got {arguments[key]:g}, expected a number > 0")
    if problems:
        raise ConfigError(problems)
    return arguments


def _listed(name: str, keys: dict[str, Any], notices: list[str]) -> dict[str, Any]:
    """The values in canonical spelling, each once, with their probabilities."""
    values = keys["values"]
    if not isinstance(values, list | tuple):
        meant = _several(name, values) or (f"[{as_yaml(values)}]" if _takes(name, values) else "")
        hint = f"; write values: {meant}" if meant else ""
        raise ConfigError([f"{name}.values: got {shown(values)}, expected a list{hint}"])
    if not values:
        raise ConfigError([f"{name}.values: got an empty list, expected at least one value"])
    weights = _probabilities(name, keys["probabilities"], len(values)) if len(keys) > 1 else None
    problems: list[str] = []
    found: dict[Any, float] = {}
    for i, written in enumerate(values):
        try:
            value, notice = canonical_value(name, written)
        except ConfigError as error:
            meant = _several(name, written)
            hint = f"; write {meant}" if meant else ""
            problems += [f"{problem}{hint}" for problem in error.problems]
            continue
        notices += [notice] if notice and notice not in notices else []
        if value in found:
            notices.append(f"{name}: {shown(written)} is listed twice and counts once")
        found[value] = found.get(value, 0.0) + (weights[i] if weights else 0.0)
    if problems:
        raise ConfigError(problems)
    if weights is None:
        return {"values": tuple(found)}
    return {"values": tuple(found), "probabilities": tuple(found.values())}


def _constant(name: str, written: Any, notices: list[str]) -> Any:
    """The value of a constant in canonical spelling."""
    try:
        value, notice = canonical_value(name, written)
        notices += [notice] if notice else []
        return value
    except ConfigError as error:
        listed = isinstance(written, list) and len(written) > 0
        meant = as_yaml(written) if listed and all(_takes(name, v) for v in written) else ""
        hint = f"; write {{values: {meant}}}" if meant else ""
        raise ConfigError(f"{problem}{hint}" for problem in error.problems) from None


def _several(name: str, written: Any) -> str:
    """The list that was probably meant by [16 32 64], which YAML reads as one text; or nothing."""
    parts = re.findall(r"[^\s,]+", written) if isinstance(written, str) else []
    meant = len(parts) > 1 and all(_takes(name, part) for part in parts)
    return f"[{', '.join(parts)}]" if meant else ""


def _probabilities(name: str, written: Any, count: int) -> list[float]:
    listed = written if isinstance(written, list | tuple) else []
    weights = [w for value in listed if (w := number(value)) is not None and w >= 0]
    if len(listed) != count:
        got = len(listed) if listed or written == [] else shown(written)
        problem = f"got {got}, expected one for each of {count}"
    elif len(weights) != count:
        problem = f"got {shown(written)}, expected numbers ≥ 0"
    elif abs(sum(weights) - 1) > 1e-5:
        problem = f"they sum to {sum(weights):g}, expected 1"
    else:
        return weights
    raise ConfigError([f"{name}.probabilities: {problem}"])


def _least_step(distribution: Continuous) -> float:
    """The smallest ``q`` whose multiples still differ from each other."""
    free = dataclasses.replace(distribution, q=None)
    sizes = (abs(free.quantile(u)) for u in _PROBES)
    return max((size for size in sizes if math.isfinite(size)), default=0.0) / _MOST_STEPS


def _check(name: str, kind: str, distribution: Distribution, notices: list[str]) -> None:
    """Raises ConfigError where a setting cannot take what its distribution draws."""
    if not isinstance(distribution, IntUniform | Continuous):
        return  # every value went through canonical_value
    whole = not _takes(name, 0.5)
    if whole and not _takes(name, 3):
        raise ConfigError([f"{name}: got {kind}, but it is no number; give values"])
    if isinstance(distribution, IntUniform):
        probes: tuple[Any, ...] = (distribution.min, distribution.max)
    else:
        q = distribution.q
        if whole and q is None:
            raise ConfigError([f"{name}: got {kind}, but it is a whole number; use int_uniform"])
        if whole and q is not None and q != int(q):
            why = f"got {q:g}, expected a whole number, as {name} is one"
            raise ConfigError([f"{name}.q: {why}"])
        if q is not None and q < (least := _least_step(distribution)):
            raise ConfigError([f"{name}.q: got {q:g}, expected at least {least:.1g}"])
        probes = tuple(distribution.quantile(u) for u in _PROBES)
        if distribution.law == "log_uniform":
            notices.append(
                f"{name}: {kind} takes min and max as exponents of e, so the numbers are from "
                f"{probes[0]:.3g} to {probes[-1]:.3g}; {kind}_values takes the limits themselves"
            )
    refused = [value for value in probes if not _takes(name, value)]
    unbounded = isinstance(distribution, Continuous) and "normal" in distribution.law
    if unbounded and 0 < len(refused) < len(probes):
        notices.append(
            f"{name}: about {len(refused)} % of what {kind} draws is no valid {name}; "
            "such points are recorded as failed and do not count"
        )
    elif refused:
        try:
            worst = refused[0]
            canonical_value(name, worst if isinstance(worst, int) else float(f"{worst:.6g}"))
        except ConfigError as error:
            raise ConfigError([f"{problem} (from {kind})" for problem in error.problems]) from None
