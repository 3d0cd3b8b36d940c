"""From the names and values that users write to a ``RunConfig``, with notices."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from dlsweep.config.errors import ConfigError, fold, shown
from dlsweep.config.fields import SETTINGS
from dlsweep.config.model_options import model_options
from dlsweep.config.names import (
    meant_setting,
    nearest_option,
    setting_name,
    unknown_setting,
)
from dlsweep.config.own_model import is_own
from dlsweep.config.run_config import RunConfig
from dlsweep.config.setting import from_option
from dlsweep.parts import Option

NONE: Mapping[str, Option] = MappingProxyType({})
"""What a built-in model brings: its settings are among those of every run."""

VARIANT = "variant"
"""The name under which settings that belong together stand: they go before those beside them."""

_PLACES = ("dataset", "model", "features", "features_weights")
"""The settings that may be paths."""


def canonical_value(
    name: str, value: Any, options: Mapping[str, Option] = NONE
) -> tuple[Any, str | None]:
    """A setting's value in its canonical spelling, and a notice where it was spelled otherwise.

    Args:
        name: of a setting.
        value: as the user wrote it.
        options: the settings that a model of the user's own brings.

    Raises:
        ConfigError: where the value is not one that the setting takes.
    """
    setting = from_option(options[name]) if name in options else SETTINGS[name]
    try:
        canonical = setting.parse(value)
    except ValueError as error:
        raise ConfigError([f"{name}: got {shown(value)}, {error}"]) from None
    # A path made absolute.
    place = name in _PLACES and os.sep in str(canonical)
    words = isinstance(value, str) and isinstance(canonical, str) and name != "image_size"
    if words and not place and fold(value) != fold(canonical):
        return canonical, f"{name}: {value} was taken for {canonical}"
    return canonical, None


def flatten(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested mappings as ("outer.inner", value)."""
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _model_options(
    settings: Iterable[tuple[str, Any]],
) -> tuple[Mapping[str, Option], tuple[str, ...]]:
    """What the model that settings name brings, and what is wrong with that model."""
    for key, value in settings:
        if setting_name(key) == "model":
            try:
                model = SETTINGS["model"].parse(value)
                return (model_options(model) if is_own(model) else NONE), ()
            except ConfigError as error:
                return NONE, error.problems
            except ValueError:
                break  # refused with the others
    return NONE, ()


def parse_settings(mapping: Mapping[str, Any]) -> tuple[RunConfig, dict[str, Any], list[str]]:
    """A ``RunConfig`` from settings named and spelled as users do, and which of them were given.

    Where ``hidden_size`` is a list and ``num_layers`` is not given, the list says both.

    Args:
        mapping: settings by any of their names, possibly nested; what is missing is the default.

    Returns:
        The configuration; the settings that were given, by name, canonical and as JSON has them;
        and one notice for every name or word that was taken for another.

    Raises:
        ConfigError: with one line for everything that is wrong.
    """
    problems: list[str] = []
    notices: list[str] = []
    flat, over = _beside_and_in_variant(mapping, problems)
    options, refused = _model_options([*over, *flat])
    problems += refused
    given = _canonical(flat, options, problems, notices, unknown=not refused)
    own = _canonical(over, options, problems, notices, unknown=not refused)
    given = _with_layers(given) | _with_layers(own)
    try:
        config = RunConfig(**given)
    except ConfigError as error:
        problems += [line for line in error.problems if line not in problems]
    if problems:
        raise ConfigError(problems)
    values = config.as_dict()
    return config, {name: values[name] for name in values if name in given}, notices


def canonical_variant(
    written: Any, options: Mapping[str, Option] = NONE
) -> tuple[dict[str, Any], list[str]]:
    """The settings of a variant by their names, canonical, and notices.

    Where ``hidden_size`` is a list and ``num_layers`` is not in it, the list says both.

    Args:
        written: settings by any of their names, possibly nested; none at all is a variant too.
        options: the settings that a model of the user's own brings.

    Raises:
        ConfigError: with one line for everything that is wrong.
    """
    problems: list[str] = []
    notices: list[str] = []
    _, flat = _beside_and_in_variant({VARIANT: written}, problems)
    found = _with_layers(_canonical(flat, options, problems, notices))
    if problems:
        raise ConfigError(problems)
    return found, notices


def replaced_by_variant(settings: Mapping[str, Any]) -> dict[str, str]:
    """The settings that stand beside a variant which has them too: their names, as written.

    Args:
        settings: such as a W&B sweep gives a run; without a variant, none is replaced.
    """
    inside: list[tuple[str, Any]] = []
    for key, value in settings.items():
        inside += flatten(value) if fold(key) == VARIANT and isinstance(value, Mapping) else ()
    names = {setting_name(key) or key for key, _ in inside}
    found = {key: setting_name(key) or key for key in settings if fold(key) != VARIANT}
    return {key: name for key, name in found.items() if name in names}


def _with_layers(given: dict[str, Any]) -> dict[str, Any]:
    """Settings in which a list of hidden sizes also says the number of layers."""
    sizes = given.get("hidden_size")
    return {"num_layers": len(sizes), **given} if isinstance(sizes, tuple) else given


def _beside_and_in_variant(
    mapping: Mapping[str, Any], problems: list[str]
) -> tuple[list[tuple[str, Any]], list[tuple[str, Any]]]:
    """The leaves of settings: those beside the variant, and its own, which go before them.

    Settings without a variant have none; a model of the user's own may have a setting of that name.
    """
    inside: list[tuple[str, Any]] = []
    outside = dict(mapping)
    for key in [key for key in mapping if fold(key) == VARIANT]:
        value = outside.pop(key)
        if isinstance(value, Mapping):
            inside += flatten(value)
        elif value is not None and VARIANT not in _model_options(flatten(outside))[0]:
            example = "{learning_rate: 0.001}"
            problems.append(f"{VARIANT}: got {shown(value)}, expected settings such as {example}")
        elif value is not None:
            outside[key] = value
    return list(flatten(outside)), inside


def _canonical(
    flat: Iterable[tuple[str, Any]],
    options: Mapping[str, Option],
    problems: list[str],
    notices: list[str],
    *,
    unknown: bool = True,
) -> dict[str, Any]:
    """Settings by their names, canonical; a line for each that is wrong, unknown or there twice.

    Args:
        unknown: whether a name that is not a setting is wrong: it may be one of a model that cannot
            be had.
    """
    given: dict[str, Any] = {}
    source: dict[str, str] = {}
    for key, value in flat:
        name = nearest_option(key, options) or meant_setting(key, [value])
        if name is None:
            problems += [unknown_setting(key, options)] if unknown else []
            continue
        if fold(key) != fold(name):
            notices.append(f"{key} was taken for {name}")
        try:
            canonical, notice = canonical_value(name, value, options)
        except ConfigError as error:
            problems += error.problems
            continue
        if name in given and given[name] != canonical:
            problems.append(f"{name} is given twice, as {source[name]} and as {key}")
            continue
        given[name] = canonical
        source[name] = key
        if notice:
            notices.append(notice)
    return given


def parse_config(mapping: Mapping[str, Any]) -> tuple[RunConfig, list[str]]:
    """The configuration and the notices of ``parse_settings``.

    Raises:
        ConfigError: with one line for everything that is wrong.
    """
    config, _, notices = parse_settings(mapping)
    return config, notices
