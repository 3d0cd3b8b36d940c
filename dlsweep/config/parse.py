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
    words = isinstance(value, str) and isinstance(canonical, str) and not place
    if words and fold(value) != fold(canonical):
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
    given: dict[str, Any] = {}
    source: dict[str, str] = {}
    flat = list(flatten(mapping))
    options, refused = _model_options(flat)
    problems += refused
    for key, value in flat:
        name = nearest_option(key, options) or meant_setting(key, [value])
        if name is None:
            if not refused:  # it may be one of the model's
                problems.append(unknown_setting(key, options))
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
    if isinstance(given.get("hidden_size"), tuple):
        given.setdefault("num_layers", len(given["hidden_size"]))
    try:
        config = RunConfig(**given)
    except ConfigError as error:
        problems += [line for line in error.problems if line not in problems]
    if problems:
        raise ConfigError(problems)
    values = config.as_dict()
    return config, {name: values[name] for name in values if name in given}, notices


def parse_config(mapping: Mapping[str, Any]) -> tuple[RunConfig, list[str]]:
    """The configuration and the notices of ``parse_settings``.

    Raises:
        ConfigError: with one line for everything that is wrong.
    """
    config, _, notices = parse_settings(mapping)
    return config, notices
