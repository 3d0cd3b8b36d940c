"""From the names and values that users write to a ``RunConfig``, with notices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dlsweep.config.errors import ConfigError, fold, shown
from dlsweep.config.fields import SETTINGS
from dlsweep.config.names import setting_name, unknown_setting
from dlsweep.config.run_config import RunConfig


def canonical_value(name: str, value: Any) -> tuple[Any, str | None]:
    """A setting's value in its canonical spelling, and a notice where it was spelled otherwise.

    Raises:
        ConfigError: where the value is not one that the setting takes.
    """
    setting = SETTINGS[name]
    try:
        canonical = setting.parse(value)
    except ValueError as error:
        raise ConfigError([f"{name}: got {shown(value)}, {error}"]) from None
    words = isinstance(value, str) and isinstance(canonical, str)
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
    for key, value in flatten(mapping):
        name = setting_name(key)
        if name is None:
            problems.append(unknown_setting(key))
            continue
        if fold(key) != fold(name):
            notices.append(f"{key} was taken for {name}")
        try:
            canonical, notice = canonical_value(name, value)
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
        problems += error.problems
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
