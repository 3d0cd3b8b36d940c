"""One of the ``parameters`` of a sweep file: from what users write to its distribution."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from dlsweep.config import ConfigError
from dlsweep.config.errors import as_yaml, did_you_mean, fold, shown
from dlsweep.sweep.file._distributions import (
    DISTRIBUTIONS,
    Categorical,
    Continuous,
    Distribution,
    plain,
)
from dlsweep.sweep.file._metric import number
from dlsweep.sweep.file._yaml import read_keys

_KEYS: tuple[str, ...] = ("value", "values", "probabilities", "distribution", "min", "max")
_KEYS += ("mu", "sigma", "q", "a", "b")
_GRID = ("categorical", "constant", "int_uniform", "q_uniform")
_MOST_STEPS = 1e12  # of a q: values have twelve digits
PROBES = (1e-9, *(i / 100 for i in range(1, 100)), 1 - 1e-9)
"""Quantiles at which a distribution is looked at: its ends, nearly, and each per cent."""


class ParameterReader:
    """Reads parameters one by one. They are a program's and take any value of JSON.

    Args:
        method: grid allows only what can be listed; None where the file's method is unknown.
        notices: gets one line for everything that was taken for something else.
    """

    def __init__(self, method: str | None, notices: list[str]) -> None:
        self._method = method
        self._notices = notices

    def read(self, name: str, spec: Any) -> Distribution:
        """The distribution of a parameter; raises ConfigError with all that is wrong about it."""
        if not isinstance(spec, Mapping) or not spec:
            key = "values" if isinstance(spec, list) else "value"
            example = "{values: [...]}" if spec in (None, {}) else f"{{{key}: {as_yaml(spec)}}}"
            raise ConfigError([f"{name}: got {shown(spec)}; write {example}"])
        problems: list[str] = []
        keys = read_keys(spec, _KEYS, problems, f"{name}.", also=("parameters",))
        if problems:
            raise ConfigError(problems)
        kind = self._kind_of(name, keys)
        arguments = self._arguments(name, kind, keys)
        distribution = DISTRIBUTIONS[kind].make(**arguments)
        weighted = isinstance(distribution, Categorical) and distribution.probabilities
        if self._method == "grid" and (kind not in _GRID or weighted):
            raise ConfigError(
                [f"{name}: got {kind}, which method grid cannot list; give values, or use random"]
            )
        self._check(name, kind, distribution)
        return distribution

    def _kind_of(self, name: str, keys: dict[str, Any]) -> str:
        """The distribution that is named, or that the keys imply as in W&B's schema."""
        if "parameters" in keys:
            why = "cannot be mixed with a distribution of its own"
            raise ConfigError([f"{name}.parameters: {why}"])
        categorical = "categorical_w_probabilities" if "probabilities" in keys else "categorical"
        wanted = keys.pop("distribution", None)
        if wanted is not None:
            kind = {fold(kind): kind for kind in DISTRIBUTIONS}.get(fold(wanted))
            if kind is None:
                hint = did_you_mean(wanted, DISTRIBUTIONS)
                why = f"got {shown(wanted)}, not a distribution{hint}"
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
            self._implied_whole(name, low, high)
            return "int_uniform"
        if isinstance(low, int) != isinstance(high, int):
            raise ConfigError(
                [
                    f"{name}: got min {keys['min']} and max {keys['max']}, a whole number and a "
                    "decimal one; write both alike, or give the distribution (W&B refuses this too)"
                ]
            )
        return "uniform"

    def _arguments(self, name: str, kind: str, keys: dict[str, Any]) -> dict[str, Any]:
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
            what = f"{kind} without {', '.join(missing)}"
            self._notices.append(f"{name}: {what}: W&B's {values} is taken")
        if kind == "constant":
            return {"value": self._constant(name, keys["value"])}
        if kind in ("categorical", "categorical_w_probabilities"):
            return self._listed(name, keys)
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
        positive = ["sigma", "a", "b", "q"] + ["min"] * kind.endswith("log_uniform_values")
        for key in positive:
            if key in arguments and arguments[key] <= 0:
                problems.append(f"{name}.{key}: got {arguments[key]:g}, expected a number > 0")
        if problems:
            raise ConfigError(problems)
        if "q" in arguments:
            arguments["q"] = self._step(keys.get("q", 1))
        return arguments

    def _listed(self, name: str, keys: dict[str, Any]) -> dict[str, Any]:
        """The values in canonical spelling, each once, with their probabilities."""
        values = keys["values"]
        if not isinstance(values, list | tuple):
            meant = self._several(name, values)
            meant = meant or (f"[{as_yaml(values)}]" if self._takes(name, values) else "")
            hint = f"; write values: {meant}" if meant else ""
            raise ConfigError([f"{name}.values: got {shown(values)}, expected a list{hint}"])
        if not values:
            raise ConfigError([f"{name}.values: got an empty list, expected at least one value"])
        weights = (
            _probabilities(name, keys["probabilities"], len(values)) if len(keys) > 1 else None
        )
        problems: list[str] = []
        found: dict[str, Any] = {}  # by their JSON, in which 1, 1.0 and true differ
        sums: dict[str, float] = {}
        for i, written in enumerate(values):
            try:
                value, notice = self._canonical(name, written)
            except ConfigError as error:
                meant = self._several(name, written)
                hint = f"; write {meant}" if meant else ""
                problems += [f"{problem}{hint}" for problem in error.problems]
                continue
            self._notices += [notice] if notice and notice not in self._notices else []
            key = json.dumps(plain(value), sort_keys=True)
            if key in found:
                self._notices.append(f"{name}: {shown(written)} is listed twice and counts once")
            found[key] = value
            sums[key] = sums.get(key, 0.0) + (weights[i] if weights else 0.0)
        if problems:
            raise ConfigError(problems)
        if weights is None:
            return {"values": tuple(found.values())}
        return {"values": tuple(found.values()), "probabilities": tuple(sums.values())}

    def _constant(self, name: str, written: Any) -> Any:
        """The value of a constant in canonical spelling."""
        try:
            value, notice = self._canonical(name, written)
            self._notices += [notice] if notice else []
            return value
        except ConfigError as error:
            listed = isinstance(written, list) and len(written) > 0
            fits = listed and all(self._takes(name, v) for v in written)
            meant = as_yaml(written) if fits else ""
            hint = f"; write {{values: {meant}}}" if meant else ""
            raise ConfigError(f"{problem}{hint}" for problem in error.problems) from None

    def _several(self, name: str, written: Any) -> str:
        """The list probably meant by [16 32 64], which YAML reads as one text; or nothing."""
        parts = re.findall(r"[^\s,]+", written) if isinstance(written, str) else []
        meant = len(parts) > 1 and all(self._takes(name, part) for part in parts)
        return f"[{', '.join(parts)}]" if meant else ""

    def _check(self, name: str, kind: str, distribution: Distribution) -> None:
        """Raises ConfigError where the parameter cannot be what its distribution draws."""
        if not isinstance(distribution, Continuous):
            return
        q = distribution.q
        if q is not None and q < (least := _least_step(distribution)):
            raise ConfigError([f"{name}.q: got {q:g}, expected at least {least:.1g}"])
        if distribution.law == "log_uniform":
            low, high = distribution.quantile(PROBES[0]), distribution.quantile(PROBES[-1])
            self._notices.append(
                f"{name}: {kind} takes min and max as exponents of e, so the numbers are from "
                f"{low:.3g} to {high:.3g}; {kind}_values takes the limits themselves"
            )

    # What differs where parameters are settings

    def _canonical(self, name: str, written: Any) -> tuple[Any, str | None]:
        """A value as it is kept, and a notice where it was written otherwise.

        Raises:
            ConfigError: where the parameter does not take it.
        """
        return json_value(written), None

    def _takes(self, name: str, value: Any) -> bool:
        """Whether the parameter takes a value."""
        return True

    def _step(self, q: Any) -> float:
        """The ``q`` of a distribution: W&B draws whole numbers where it is written as one."""
        return q if isinstance(q, int) else float(q)

    def _implied_whole(self, name: str, low: int, high: int) -> None:
        """Note that only whole numbers are drawn, where the limits alone say so."""


def json_value(value: Any) -> Any:
    """A value as W&B's server hands it out, which is JSON: tuples as lists, keys as text."""
    if isinstance(value, Mapping):
        return {key_text(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [json_value(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return json_value(value.item()) if hasattr(value, "item") else str(value)


def key_text(key: Any) -> str:
    return key if isinstance(key, str) else json.dumps(key, default=str).strip('"')


def _as_number(value: Any) -> Any:
    """A number that was read as text, as the int or float that it shows."""
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return number(value)
    return value


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
    sizes = (abs(free.quantile(u)) for u in PROBES)
    return max((size for size in sizes if math.isfinite(size)), default=0.0) / _MOST_STEPS
