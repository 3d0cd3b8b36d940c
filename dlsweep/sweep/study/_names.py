"""Names of runs, which say what the sweep varies: lr0.01-mse-7."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dlsweep.config import VARIANT
from dlsweep.config.relations import heeded
from dlsweep.sweep.file import SweepFile, varied_together

_LONGEST = 48
"""Characters of a name without its number; settings that do not fit are left out."""
_LONGEST_WORD = 16
_MOST_LISTED = 4
_WHOLE = 8
"""A parameter's name of at most so many letters is not shortened."""


def run_name(sweep: SweepFile, config: Mapping[str, Any], number: int) -> str:
    """A short name for a run: the settings that vary in its sweep, and its number.

    Numbers follow their setting's name, shortened (learning_rate is lr); words stand alone. A name
    depends on the sweep and the configuration alone. It can be the name of a file. Settings that
    have no effect beside the others are left out.

    Args:
        sweep: what is searched; where it varies nothing, the name is its own and the number.
        config: the run's settings.
        number: of the run in its study.
    """
    config = heeded(config) if sweep.command is None else config
    names = _varied(sweep)
    short = _shortened(names)
    words: list[str] = []
    for name in names:
        word = _word(short[name], config[name]) if name in config else ""
        if word and sum(map(len, words)) + len(words) + len(word) <= _LONGEST:
            words.append(word)
    return "-".join([*(words or [sweep.slug]), str(number)])


def _varied(sweep: SweepFile) -> list[str]:
    """The parameters that may have more than one value, in the sweep's order."""
    names: list[str] = []
    for axis in sweep.space.axes:
        support = axis.distribution.support()
        if support is None or len(support) > 1:
            together = varied_together(sweep.parameters) if axis.setting == VARIANT else []
            names += together if sweep.command is None and together else [axis.setting]
    return names


def _shortened(names: Sequence[str]) -> dict[str, str]:
    """A short name for each parameter, no two alike."""
    short = {name: _short(name.rpartition(".")[2]) for name in names}
    often = Counter(short.values())
    return {name: s if often[s] == 1 else _safe(name) for name, s in short.items()}


def _short(name: str) -> str:
    """The name itself, or the first letters of its words: batch_size is bs."""
    parts = [part for part in re.split(r"[\W_]+", name) if part]
    if len(parts) > 1:
        return "".join(part[0] for part in parts).lower()
    return _safe(name)[:_WHOLE]


def _word(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return name if value else f"no-{name}"
    if isinstance(value, float):
        return f"{name}{value:.3g}"
    if isinstance(value, int):
        return f"{name}{value}"
    if value is None:
        return f"no-{name}"
    if isinstance(value, str):
        value = os.path.basename(value) if os.path.isabs(value) else value
        return _safe(value)[:_LONGEST_WORD].strip("-")
    if not isinstance(value, list | tuple | Mapping):
        return ""
    if len(value) <= _MOST_LISTED and all(isinstance(v, int | float) for v in value):
        return name + "-".join(f"{v:.3g}" if isinstance(v, float) else str(v) for v in value)
    return f"{name}-of-{len(value)}"


def _safe(text: str) -> str:
    """Text as names of files may have it."""
    return re.sub(r"[^\w.+]+", "-", text).strip("-.")
