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
    Constant,
    Continuous,
    Distribution,
    IntUniform,
)
from dlsweep.sweep.file._metric import number

_KEYS = (
    *("value", "values", "probabilities", "distribution", "min", "max", "mu", "sigma", "q"),
    *("a", "b", "parameters"),
)
_GRID = ("categorical", "constant", "int_uniform", "q_uniform")
_MOST_STEPS = 1e12  # of a q: values have twelve digits
_PROBES = (1e-9, *(i / 100 for i in range(1, 100)), 1 - 1e-9)


def parse_parameters(
    given: Any, method: str | None, problems: list[str], notices: list[str]
) -> dict[str, Distribution]:
    """The distribution of every setting that a sweep file names.

    Args:
        given: the file's ``parameters``, possibly nested.
        method: grid allows only what can be listed; None where the file's method is unknown.
        problems: gets one line for everything that is wrong.
        notices: gets one line for everything that was taken for something else.

    Returns:
        Distributions by the setting's canonical name, in the order of the names, which is the
        order of W&B's grid search.
    """
    if not isinstance(given, Mapping) or not given:
        problems.append(
            f"parameters: got {shown(given)}, expected settings such as "
            "learning_rate: {values: [0.001, 0.0001]}"
        )
        return {}
    found: dict[str, Distribution] = {}
    source: dict[str, str] = {}
    for key, spec in _flatten(given):
        name = setting_name(key)
        if name is None:
            problems.append(unknown_setting(key))
            continue
        if name in source:
            problems.append(f"{name} is given twice, as {source[name]} and as {key}")
            continue
        source[name] = key
        if fold(key) != fold(name):
            notices.append(f"{key} was taken for {name}")
        try:
            found[name] = _parameter(name, spec, method, notices)
        except ConfigError as error:
            for problem in error.problems:
                field, colon, rest = problem.partition(":")
                spelled_otherwise = field == name and fold(key) != fold(name)
                problems.append(f"{key} ({name}){colon}{rest}" if spelled_otherwise else problem)
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
        example = f"{{{key}: {as_yaml(spec)}}}"
        hint = f"write {example}" if spec not in (None, {}) else "write {values: [...]}"
        raise ConfigError([f"{name}: got {shown(spec)}; {hint}"])
    keys = {fold(key): key for key in spec}
    unknown = [key for folded, key in keys.items() if folded not in _KEYS]
    if unknown:
        hints = ((key, did_you_mean(key, _KEYS[:-1])) for key in unknown)
        raise ConfigError([f"{name}.{key}: no such key{hint}" for key, hint in hints])
    given = {folded: spec[key] for folded, key in keys.items()}
    kind = _kind_of(name, given, notices)
    arguments = _arguments(name, kind, given, notices)
    distribution = DISTRIBUTIONS[kind].make(**arguments)
    if method == "grid" and (
        kind not in _GRID or (isinstance(distribution, Categorical) and distribution.probabilities)
    ):
        raise ConfigError(
            [f"{name}: got {kind}, which method grid cannot list; give values, or use random"]
        )
    _check(name, kind, distribution, notices)
    return distribution


def _kind_of(name: str, given: dict[str, Any], notices: list[str]) -> str:
    """The distribution that is named, or that the keys imply as in W&B's schema."""
    if "parameters" in given:
        raise ConfigError([f"{name}.parameters: cannot be mixed with a distribution of its own"])
    if given.get("distribution") is not None:
        wanted = given.pop("distribution")
        for kind in DISTRIBUTIONS:
            if fold(wanted) == fold(kind):
                if kind == "categorical" and "probabilities" in given:
                    return "categorical_w_probabilities"
                return kind
        hint = did_you_mean(wanted, DISTRIBUTIONS)
        raise ConfigError([f"{name}.distribution: got {shown(wanted)}, not a distribution{hint}"])
    given.pop("distribution", None)
    if "value" in given:
        return "constant"
    if "values" in given:
        return "categorical_w_probabilities" if "probabilities" in given else "categorical"
    if not {"min", "max"} <= given.keys():
        missing = "max" if "min" in given else "min" if "max" in given else None
        what = f"{missing} is missing" if missing else "needs value, values, or min and max"
        raise ConfigError([f"{name}: {what}"])
    low, high = _written(given["min"]), _written(given["max"])
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
                f"{name}: got min {given['min']} and max {given['max']}, a whole number and a "
                "decimal one; write both alike, or give the distribution (W&B refuses this too)"
            ]
        )
    return "uniform"


def _written(value: Any) -> Any:
    """A number that arrived as text, as the int or float that it shows."""
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


def _arguments(name: str, kind: str, given: dict[str, Any], notices: list[str]) -> dict[str, Any]:
    """The arguments of a distribution, checked one by one and against each other."""
    needs, defaults = DISTRIBUTIONS[kind].needs, DISTRIBUTIONS[kind].defaults
    problems = [
        f"{name}.{key}: does not belong to {kind}"
        for key in given
        if key not in needs and key not in defaults
    ]
    problems += [f"{name}.{key}: missing; {kind} needs it" for key in needs if key not in given]
    if problems:
        raise ConfigError(problems)
    missing = [key for key in defaults if key not in given]
    if missing:
        values = ", ".join(f"{key} {defaults[key]:g}" for key in missing)
        notices.append(f"{name}: {kind} without {', '.join(missing)}: W&B's {values} is taken")
    if kind in ("constant", "categorical", "categorical_w_probabilities"):
        return _listed(name, kind, given, notices)
    arguments = _numbers(name, {**defaults, **given})
    if kind == "int_uniform":
        problems = [
            f"{name}.{key}: got {shown(given[key])}, expected a whole number for int_uniform"
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


def _numbers(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    problems = []
    numbers: dict[str, Any] = {}
    for key, value in given.items():
        numbers[key] = number(value)
        if numbers[key] is None:
            problems.append(f"{name}.{key}: got {shown(value)}, expected a number")
    if problems:
        raise ConfigError(problems)
    return numbers


def _listed(name: str, kind: str, given: dict[str, Any], notices: list[str]) -> dict[str, Any]:
    """The value or values in canonical spelling, each once, with their probabilities."""
    if kind == "constant":
        value, notice = _constant(name, given["value"])
        notices += [notice] if notice else []
        return {"value": value}
    values = given["values"]
    if not isinstance(values, list | tuple):
        meant = _several(name, values) or (f"[{as_yaml(values)}]" if _takes(name, values) else "")
        hint = f"; write values: {meant}" if meant else ""
        raise ConfigError([f"{name}.values: got {shown(values)}, expected a list{hint}"])
    if not values:
        raise ConfigError([f"{name}.values: got an empty list, expected at least one value"])
    weights = _probabilities(name, given["probabilities"], len(values)) if len(given) > 1 else None
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


def _constant(name: str, written: Any) -> tuple[Any, str | None]:
    """The value of a constant, and the notice of how it was understood."""
    try:
        return canonical_value(name, written)
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


def _probabilities(name: str, given: Any, count: int) -> list[float]:
    if not isinstance(given, list | tuple) or len(given) != count:
        got = len(given) if isinstance(given, list | tuple) else shown(given)
        raise ConfigError([f"{name}.probabilities: got {got}, expected one for each of {count}"])
    numbers = [number(value) for value in given]
    weights = [w for w in numbers if w is not None and w >= 0]
    if len(weights) != count:
        raise ConfigError([f"{name}.probabilities: got {shown(given)}, expected numbers ≥ 0"])
    if abs(sum(weights) - 1) > 1e-5:
        raise ConfigError([f"{name}.probabilities: they sum to {sum(weights):g}, expected 1"])
    return weights


def _least_step(distribution: Continuous) -> float:
    """The smallest ``q`` whose multiples can still be told from each other."""
    free = dataclasses.replace(distribution, q=None)
    sizes = (abs(free.quantile(u)) for u in _PROBES)
    return max((size for size in sizes if math.isfinite(size)), default=0.0) / _MOST_STEPS


def _check(name: str, kind: str, distribution: Distribution, notices: list[str]) -> None:
    """Raises ConfigError where a setting cannot take what its distribution draws."""
    if isinstance(distribution, Constant | Categorical):
        return  # every value went through canonical_value
    if not _takes(name, 0.5) and not _takes(name, 3):
        raise ConfigError([f"{name}: got {kind}, but it is no number; give values"])
    if isinstance(distribution, Continuous) and not _takes(name, 0.5):
        if distribution.q is None:
            raise ConfigError([f"{name}: got {kind}, but it is a whole number; use int_uniform"])
        if distribution.q != int(distribution.q):
            got = f"{distribution.q:g}"
            raise ConfigError([f"{name}.q: got {got}, expected a whole number, as {name} is one"])
    if isinstance(distribution, Continuous) and distribution.q is not None:
        least = _least_step(distribution)
        if distribution.q < least:
            raise ConfigError([f"{name}.q: got {distribution.q:g}, expected at least {least:.1g}"])
    if isinstance(distribution, IntUniform):
        probes: tuple[Any, ...] = (distribution.min, distribution.max)
    else:
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
