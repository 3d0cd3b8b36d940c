"""The one way in which dlsweep refuses input."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class ConfigError(ValueError):
    """What is wrong with a user's input: every problem found, one line each.

    The command line prints the problems and exits with code 2; nothing has been created by then.

    Args:
        problems: one line per problem, each naming the field, the value and the nearest valid name.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems: tuple[str, ...] = tuple(problems)
        super().__init__("\n".join(self.problems))


def fold(name: object) -> str:
    """A name without what users vary: case, hyphens, underscores, dots, slashes and spaces."""
    return "".join(c for c in str(name).lower() if c not in "-_./ ")


def nearest(name: object, candidates: Iterable[str]) -> str | None:
    """The candidate closest to ``name`` in spelling, or None where nothing is close."""
    by_fold = {fold(candidate): candidate for candidate in candidates}
    found = difflib.get_close_matches(fold(name), by_fold, n=1, cutoff=0.6)
    return by_fold[found[0]] if found else None


def did_you_mean(name: object, candidates: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the nearest candidate, else the list of all of them."""
    candidates = list(candidates)
    found = nearest(name, candidates)
    if found is not None:
        return f"; did you mean {found!r}?"
    return f"; choose from {', '.join(candidates)}"


def shown(value: Any) -> str:
    """A user's value as an error message shows it: on one line, and not too long."""
    if value is None:
        return "nothing"
    text = repr(value).replace("\n", " ") if isinstance(value, str) else as_yaml(value)
    return text if len(text) <= 60 else text[:57] + "…" + text[-1]


def as_yaml(value: Any) -> str:
    """A value as a sweep file has it, on one line; as Python has it where YAML has no words."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)  # 1e-05, where PyYAML writes 1.0e-05
    try:
        import yaml  # which the engine does without
    except ImportError:
        return repr(value).replace("\n", " ")
    try:
        text: str = yaml.safe_dump(
            value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**9
        )
    except yaml.YAMLError:
        return repr(value).replace("\n", " ")
    return " ".join(text.removesuffix("...\n").split("\n")).strip()
