"""What is said of a setting where ``RunConfig`` defines it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dlsweep.config import kinds, options
from dlsweep.parts import Option


@dataclass(frozen=True)
class Setting:
    """What a field of ``RunConfig`` is, beyond its name, type and default.

    Attributes:
        help: one line for ``--help`` and the README.
        parse: from what a user wrote to the canonical value (see ``dlsweep.config.kinds``).
        flags: the flags besides ``--name``.
        also: other names that sweep files use for it.
        values: the words it may take, where they are words.
        expects: what the README says about its values, where they are not words.
    """

    help: str
    parse: kinds.Parser
    flags: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    values: Mapping[str, kinds.Named] | None = None
    expects: str = ""


def setting(
    default: Any,
    help: str,
    parse: kinds.Parser,
    expects: str,
    flags: str = "",
    also: str = "",
    values: Mapping[str, kinds.Named] | None = None,
) -> Any:
    """A field of ``RunConfig`` with its ``Setting``; flags and other names are one text each."""
    found = Setting(help, parse, tuple(flags.split()), tuple(also.split()), values, expects)
    return field(default=default, metadata={"setting": found})


def choice(
    default: str, help: str, values: Mapping[str, kinds.Named], flags: str = "", also: str = ""
) -> Any:
    """A field whose values are words."""
    return setting(default, help, kinds.choice(values), "", flags, also, values)


def from_option(option: Option) -> Setting:
    """What is said of a setting that a part or a model declares."""
    return Setting(
        option.help,
        options.of_option(option),
        also=option.also,
        expects=options.expects(option),
    )
