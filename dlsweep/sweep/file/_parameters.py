"""The ``parameters`` of a sweep file: from what users write to one distribution for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dlsweep.config import SETTINGS, ConfigError, canonical_value, setting_name, unknown_setting
from dlsweep.config.errors import fold, shown
from dlsweep.sweep.file._distributions import Continuous, Distribution, IntUniform
from dlsweep.sweep.file._parameter import PROBES, ParameterReader, key_text

Parameters = dict[str, Distribution]
"""Distributions by name, in the order of the names, which is the order of W&B's grid search."""


def parse_parameters(
    written: Any, method: str | None, problems: list[str], notices: list[str]
) -> Parameters:
    """The distribution of every setting of built-in runs that a sweep file names.

    Args:
        written: the file's ``parameters``, possibly nested.
        method: grid allows only what can be listed; None where the file's method is unknown.
        problems: gets one line for everything that is wrong.
        notices: gets one line for everything that was taken for something else.

    Returns:
        Distributions by the setting's canonical name.
    """
    reader = SettingReader(method, notices)
    found: Parameters = {}
    keys: dict[str, str] = {}
    for path, spec in _specifications(written, "settings", problems):
        key = ".".join(path)
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
                found[name] = reader.read(name, spec)
            except ConfigError as error:
                start = f"{name}:"
                problems += [
                    f"{key} ({name}):{problem.removeprefix(start)}"
                    if respelled and problem.startswith(start)
                    else problem
                    for problem in error.problems
                ]
    return dict(sorted(found.items()))


def parse_program_parameters(
    written: Any, method: str | None, problems: list[str], notices: list[str]
) -> tuple[Parameters, dict[str, tuple[str, ...]]]:
    """The distribution of every parameter of a program; the arguments are as above.

    Returns:
        Distributions by name, those of nested parameters by the names joined by dots; and the
        paths of these, see ``Settings``.
    """
    reader = ParameterReader(method, notices)
    found: Parameters = {}
    paths: dict[str, tuple[str, ...]] = {}
    for path, spec in _specifications(written, "parameters", problems):
        name = ".".join(path)
        if name in found:
            problems.append(f"{name} is given twice, nested and with a dot in its name")
            continue
        if len(path) > 1:
            paths[name] = path
        try:
            found[name] = reader.read(name, spec)
        except ConfigError as error:
            problems += error.problems
    return dict(sorted(found.items())), dict(sorted(paths.items()))


def nested_parameters(
    parameters: Mapping[str, Distribution], paths: Mapping[str, tuple[str, ...]]
) -> dict[str, Any]:
    """``parameters`` as a sweep file has them; the inverse of ``parse_program_parameters``."""
    found: dict[str, Any] = {}
    for name, distribution in parameters.items():
        *parents, last = paths.get(name, (name,))
        node = found
        for parent in parents:
            node = node.setdefault(parent, {"parameters": {}})["parameters"]
        node[last] = distribution.as_dict()
    return found


def flatten(
    mapping: Mapping[Any, Any], parents: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The leaves of nested ``parameters``: their paths, and what the file says of them."""
    for key, spec in mapping.items():
        nested = None
        if isinstance(spec, Mapping) and len(spec) == 1:
            inner, nested = next(iter(spec.items()))
            nested = nested if fold(inner) == "parameters" else None
        path = (*parents, key_text(key))
        if isinstance(nested, Mapping) and nested:
            yield from flatten(nested, path)
        else:
            yield path, spec


def _specifications(
    written: Any, what: str, problems: list[str]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """See ``flatten``; a line for what is not a mapping of parameters."""
    if isinstance(written, Mapping) and written:
        yield from flatten(written)
    else:
        example = "learning_rate: {values: [0.001, 0.0001]}"
        problems.append(f"parameters: got {shown(written)}, expected {what} such as {example}")


class SettingReader(ParameterReader):
    """Reads parameters that are settings of built-in runs; see ``ParameterReader``."""

    def _canonical(self, name: str, written: Any) -> tuple[Any, str | None]:
        return canonical_value(name, written)

    def _takes(self, name: str, value: Any) -> bool:
        try:
            SETTINGS[name].parse(value)
        except ValueError:
            return False
        return True

    def _step(self, q: Any) -> float:
        return float(q)  # the settings themselves are ints where they are whole

    def _implied_whole(self, name: str, low: int, high: int) -> None:
        if self._takes(name, 0.5):
            self._notices.append(
                f"{name}: min {low} and max {high} are whole numbers, so only whole numbers are "
                f"drawn, as W&B does; write {low}.0 and {high}.0 for all numbers between"
            )

    def _check(self, name: str, kind: str, distribution: Distribution) -> None:
        if not isinstance(distribution, IntUniform | Continuous):
            return  # every value went through canonical_value
        whole = not self._takes(name, 0.5)
        if whole and not self._takes(name, 3):
            raise ConfigError([f"{name}: got {kind}, but it is not a number; give values"])
        probes: tuple[Any, ...]
        if isinstance(distribution, IntUniform):
            probes = (distribution.min, distribution.max)
        else:
            q = distribution.q
            if whole and q is None:
                why = "but it is a whole number; use int_uniform"
                raise ConfigError([f"{name}: got {kind}, {why}"])
            if whole and q is not None and q != int(q):
                why = f"got {q:g}, expected a whole number, as {name} is one"
                raise ConfigError([f"{name}.q: {why}"])
            probes = tuple(distribution.quantile(u) for u in PROBES)
        super()._check(name, kind, distribution)
        refused = [value for value in probes if not self._takes(name, value)]
        unbounded = isinstance(distribution, Continuous) and "normal" in distribution.law
        if unbounded and 0 < len(refused) < len(probes):
            self._notices.append(
                f"{name}: about {len(refused)} % of what {kind} draws is not a valid {name}; "
                "such points are recorded as failed and do not count"
            )
        elif refused:
            try:
                worst = refused[0]
                self._canonical(name, worst if isinstance(worst, int) else float(f"{worst:.6g}"))
            except ConfigError as error:
                raise ConfigError(
                    [f"{problem} (from {kind})" for problem in error.problems]
                ) from None
