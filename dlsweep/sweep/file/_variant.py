"""``variant``: a parameter of built-in runs whose values are settings that belong together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dlsweep.config import VARIANT, ConfigError, RunConfig, canonical_value, canonical_variant
from dlsweep.parts import Option
from dlsweep.sweep.file._distributions import Categorical, Constant, Distribution, plain


def is_variant(path: tuple[str, ...], options: Mapping[str, Option]) -> bool:
    """Whether a parameter of a sweep file is the variant, and no setting of a model's own."""
    return len(path) == 1 and path[0].lower() == VARIANT and VARIANT not in options


def read_variant(written: Any, options: Mapping[str, Option]) -> tuple[dict[str, Any], str | None]:
    """A variant as a sweep keeps it: canonical settings, as JSON has them; and a notice.

    Raises:
        ConfigError: with one line for everything that is wrong.
    """
    try:
        found, notices = canonical_variant(written, options)
    except ConfigError as error:
        raise ConfigError(
            line if line.startswith(VARIANT) else f"{VARIANT}: {line}" for line in error.problems
        ) from None
    settings = {name: _as_json(value) for name, value in sorted(found.items())}
    return settings, f"{VARIANT}: {'; '.join(notices)}" if notices else None


def _as_json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [item.as_dict() if hasattr(item, "as_dict") else plain(item) for item in value]
    return value


def variants(parameters: Mapping[str, Distribution]) -> tuple[Mapping[str, Any], ...]:
    """The variants of a sweep of built-in runs; none where it has no such parameter."""
    found = parameters[VARIANT].support() if VARIANT in parameters else ()
    return tuple(value for value in found or () if isinstance(value, Mapping))


def varied_together(parameters: Mapping[str, Distribution]) -> list[str]:
    """The settings that any variant has, sorted."""
    return sorted({name for variant in variants(parameters) for name in variant})


def both_swept(parameters: Mapping[str, Distribution]) -> Iterator[str]:
    """A line for each setting that a variant has and that the sweep varies as well."""
    for name in varied_together(parameters):
        if name in parameters and not isinstance(parameters[name], Constant):
            why = "a variant may only replace a setting that has one value"
            yield f"{VARIANT}: {name} is varied by the sweep as well; {why}"


def as_settings(parameters: Mapping[str, Distribution]) -> dict[str, Distribution]:
    """The parameters with the settings of the variants in the place of ``variant``.

    Each has its values in any of the variants, and its fixed or default one where a variant does
    not name it.
    """
    found = {name: d for name, d in parameters.items() if name != VARIANT}
    known = RunConfig().values()
    for name in varied_together(parameters):
        values = []
        for variant in variants(parameters):
            if name in variant:
                value = variant[name]
                values.append(canonical_value(name, value)[0] if name in known else value)
            elif name in found:
                values += found[name].support() or ()
            elif name in known:
                values.append(known[name])
        distinct = {json.dumps(plain(value), sort_keys=True): value for value in values}
        found[name] = Categorical(tuple(distinct.values()))
    return found
