"""The ``parameters`` of a sweep file: from what users write to one distribution for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dlsweep.config import (
    SETTINGS,
    VARIANT,
    ConfigError,
    canonical_value,
    setting_name,
    unknown_setting,
)
from dlsweep.config.errors import as_yaml, fold, nearest, shown
from dlsweep.config.model_options import model_options
from dlsweep.config.names import meant_setting, nearest_option
from dlsweep.config.own_model import is_own
from dlsweep.parts import Option
from dlsweep.sweep.file._distributions import Continuous, Distribution, IntUniform
from dlsweep.sweep.file._parameter import PROBES, ParameterReader, key_text
from dlsweep.sweep.file._variant import both_swept, is_variant, read_variant

Parameters = dict[str, Distribution]
"""Distributions by name, in the order of the names, which is the order of W&B's grid search."""
Specifications = list[tuple[tuple[str, ...], Any]]
"""The paths of parameters, and what the file says of them."""


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
    specifications = list(_specifications(written, "settings", problems))
    specifications = _without_unmarked_nesting(specifications, problems)
    try:
        options = _model_options(specifications)
    except ConfigError as error:
        problems += error.problems
        return {}
    reader = SettingReader(method, notices, options)
    found: Parameters = {}
    keys: dict[str, str] = {}
    for path, spec in specifications:
        key = ".".join(path)
        name = nearest_option(key, options) or meant_setting(key, _values(spec))
        name = VARIANT if is_variant(path, options) else name
        if name is None:
            near = nearest(key, [VARIANT]) and any(isinstance(v, Mapping) for v in _values(spec))
            hint = f"{key}: no such setting; did you mean {VARIANT!r}?"
            problems.append(hint if near else unknown_setting(key, options))
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
    problems += both_swept(found)
    sizes = found.get("hidden_size")
    if "hidden_size" not in options and sizes is not None:
        notices += _single_sizes(sizes.support() or ())
    return dict(sorted(found.items()))


def unknown_parameters(written: Any) -> list[str]:
    """A line for each of a W&B sweep's ``parameters`` that is not a setting, of its models neither.

    A model of the user's own must be there to import, and a line says so where it is not.
    """
    specifications = list(flatten(written or {}))
    try:
        options = _model_options(specifications)
    except ConfigError as error:
        return list(error.problems)
    return [
        unknown_setting(key, options)
        for path, _ in specifications
        if nearest_option(key := ".".join(path), options) is None
        and setting_name(key) is None
        and not is_variant(path, options)
    ]


def _values(spec: Any) -> list[Any]:
    """The values that a parameter lists."""
    if not isinstance(spec, Mapping):
        return []
    keys = {fold(key): value for key, value in spec.items()}
    listed = keys.get("values", [keys["value"]] if "value" in keys else [])
    return list(listed) if isinstance(listed, list | tuple) else []


def _model_options(specifications: Specifications) -> Mapping[str, Option]:
    """What the models of the user's own that a sweep names bring; they must bring the same.

    Raises:
        ConfigError: where a model's class cannot be had, or models differ in what they bring.
    """
    models: list[str] = []
    for path, spec in specifications:
        if setting_name(".".join(path)) == "model":
            models += map(str, _values(spec))
        elif is_variant(path, {}):
            inside = (v for v in _values(spec) if isinstance(v, Mapping))
            models += [
                str(v) for one in inside for k, v in one.items() if setting_name(k) == "model"
            ]
    brought: dict[str, Option] = {}
    for model in models:
        try:
            name = SETTINGS["model"].parse(model)
        except ValueError:
            continue  # refused with the other values
        for option, declared in (model_options(name) if is_own(name) else {}).items():
            if brought.setdefault(option, declared) != declared:
                raise ConfigError(
                    [
                        f"model: {option} means something else in {' and '.join(models)}; a sweep "
                        "of both needs one type and default for it"
                    ]
                )
    return brought


def _without_unmarked_nesting(
    specifications: Specifications, problems: list[str]
) -> Specifications:
    """Without nested parameters that lack ``parameters:``; a line says how these are written."""
    nested = [
        (path, spec)
        for path, spec in specifications
        if _is_nesting(spec) and not (is_variant(path, {}) and [*spec] == ["value"])
    ]
    if not nested:
        return specifications
    path, spec = nested[0]
    inner, what = next(iter(spec.items()))
    keys = ", ".join(".".join(path) for path, _ in nested)
    problems.append(
        f"{keys}: nested parameters stand under a key of their own: "
        f"{path[-1]}: {{parameters: {{{inner}: {as_yaml(what)}, …}}}}"
    )
    return [item for item in specifications if item not in nested]


def _is_nesting(spec: Any) -> bool:
    return (
        isinstance(spec, Mapping)
        and bool(spec)
        and all(isinstance(value, Mapping) for value in spec.values())
        and "parameters" not in map(fold, spec)
    )


def _single_sizes(values: Sequence[Any]) -> list[str]:
    """A notice where sizes for every layer stand among lists of sizes."""
    single = [value for value in values if isinstance(value, int)]
    if not single or len(single) == len(values):
        return []
    return [
        f"hidden_size: {single[0]} is the size of each of num_layers layers; "
        f"write [{single[0]}] for one layer of it"
    ]


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
    """Flatten nested parameters; what is not a mapping of parameters gets a line."""
    if isinstance(written, Mapping) and written:
        yield from flatten(written)
    else:
        example = "learning_rate: {values: [0.001, 0.0001]}"
        problems.append(f"parameters: got {shown(written)}, expected {what} such as {example}")


class SettingReader(ParameterReader):
    """Reads parameters that are settings of built-in runs; see ``ParameterReader``.

    Args:
        method: as there.
        notices: as there.
        options: the settings that a model of the user's own brings.
    """

    def __init__(
        self, method: str | None, notices: list[str], options: Mapping[str, Option]
    ) -> None:
        super().__init__(method, notices)
        self._options = options

    def _canonical(self, name: str, written: Any) -> tuple[Any, str | None]:
        if name == VARIANT and name not in self._options:
            return read_variant(written, self._options)
        return canonical_value(name, written, self._options)

    def _takes(self, name: str, value: Any) -> bool:
        try:
            self._canonical(name, value)
        except ConfigError:
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
