"""Sentences that the pages of several studies write from their runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from statistics import mean
from typing import Any

from dlsweep.report import RunsTable


def best_of_each(by: str, setting: str, metric: str = "test_accuracy") -> Callable[..., list[str]]:
    """A sentence for each value of a setting: with which value of another it did best.

    Args:
        by: the first setting.
        setting: the other.
        metric: of the runs' summaries; its mean over the seeds decides.
    """

    def sentences(table: RunsTable) -> list[str]:
        values: dict[Any, dict[Any, list[float]]] = defaultdict(lambda: defaultdict(list))
        for run in table.runs:
            if run.summary.get(metric) is not None:
                values[run.config[by]][run.config[setting]].append(run.summary[metric])
        lines = []
        for name, found in values.items():
            best = max(found, key=lambda value: mean(found[value]))
            near = [f"`{v}`" for v in found if v != best and max(found[v]) >= min(found[best])]
            also = f" Some seeds did as well with {', '.join(near)}." if near else ""
            lines.append(
                f"`{by} = {name}`: best with `{setting} = {best}`, {table.words(metric)} "
                f"{100 * mean(found[best]):.1f} % on average over {len(found[best])} seeds.{also}"
            )
        return lines

    return sentences
