"""Runs in groups by their settings, and what such groups are called."""

from __future__ import annotations

from collections.abc import Sequence

from dlsweep.report._runs import PLACES, RunsTable, level, plain_numbers, varied
from dlsweep.report._where import together
from dlsweep.report.statistics import grouped, is_seed
from dlsweep.sweep import Row

SHOWN_ONLY = {*PLACES, "figures", "examples", "projection", "save_model"}
SHOWN_ONLY |= {"projection_images", "log_every"}
"""Settings of built-in runs that say where a run was and what is shown of it."""


def differing(table: RunsTable, runs: Sequence[Row], but: Sequence[str] = ()) -> list[str]:
    """The settings in which runs differ, but for their seed, and others that are named."""
    names = varied([together(run.config) for run in runs], own=table.own)
    hidden = {*but, *(SHOWN_ONLY if table.own else ())}
    return [name for name in names if not is_seed(name) and name not in hidden]


def groups_by(table: RunsTable, runs: Sequence[Row], names: Sequence[str]) -> dict[str, list[Row]]:
    """Runs by the values of some settings, as people read them; numbers by size, words in order.

    Without any names, runs of one configuration make a group each, called by what differs.
    """
    if not names:
        known = differing(table, runs)
        groups = grouped(table, runs)
        labels = [label_of(table, group[0], known) for group in groups]
        return {
            text if labels.count(text) == 1 else f"{text} ({group[0].name})": group
            for text, group in zip(labels, groups, strict=True)
        }
    found: dict[str, list[Row]] = {}
    for run in sorted(runs, key=lambda run: [_rank(together(run.config).get(n)) for n in names]):
        found.setdefault(label_of(table, run, names), []).append(run)
    return found


def label_of(table: RunsTable, run: Row, names: Sequence[str]) -> str:
    """The values of some settings of a run: numbers follow their setting's name."""
    config = together(run.config)
    words = [
        text if isinstance(config.get(name), str) else f"{table.words(name)} {text}"
        for name in names
        if (text := plain_numbers(level(config.get(name))))
    ]
    return ", ".join(words) or run.name


def _rank(value: object) -> tuple[int, float, str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 0, float(value), ""
    return 1, 0.0, level(value)
