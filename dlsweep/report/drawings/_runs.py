"""Pictures of all runs: one point each, one curve each, one line through the settings each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dlsweep.report._data import metric_words, points
from dlsweep.report._runs import RunsTable, level, plain_numbers, words
from dlsweep.report._words import amount
from dlsweep.report.drawings._style import (
    ACCENT,
    DATA,
    DECADES,
    MANY,
    RULE,
    SOFT,
    figure,
    finite,
    percent,
    plain_ticks,
    ramp,
    whole_numbers,
)
from dlsweep.report.findings import lead
from dlsweep.report.statistics import MOST_LEVELS, settings, training_seconds
from dlsweep.sweep import Row

TIME, ORDER = "time", "order"


def scatter(table: RunsTable, against: str = ORDER) -> Any:
    """The metric of every run against a setting, its training time or its place in the order."""
    runs = table.finished()
    values = np.array([finite(run.value) for run in runs])
    with figure(3.2) as (drawn, [[axes]]):
        if against == TIME:
            seconds = [training_seconds(table, run) for run in runs]
            places = np.array([finite(s) for s in seconds])
            axes.set_xlabel("training time in seconds" if table.own else "time in seconds")
            known = places[np.isfinite(places)]
            if len(known) and _spans_decades(known):
                axes.set_xscale("log")
        elif against == ORDER:
            order = {id(run): number for number, run in enumerate(table.runs, start=1)}
            places = np.array([order[id(run)] for run in runs], dtype=float)
            axes.set_xlabel("runs in the order in which they were made")
            whole_numbers(axes)
        else:
            places = _ticks(axes, [run.config.get(against) for run in runs])
            axes.set_xlabel(table.words(against))
        axes.scatter(
            places, values, s=16, color=DATA, alpha=0.55, linewidth=0, rasterized=len(runs) > MANY
        )
        best = lead(table)
        if best is not None:
            place = next(p for p, run in zip(places, runs, strict=True) if run is best)
            axes.scatter([place], [best.value], s=42, color=ACCENT, zorder=3)
            axes.annotate(
                best.name,
                (place, finite(best.value)),
                (5, 5),
                textcoords="offset points",
                color=ACCENT,
                fontsize=8,
            )
        _metric_axis(axes, table)
    return drawn


def _ticks(axes: Any, values: Sequence[Any]) -> np.ndarray:
    """Places for values on an axis: many numbers as they are, others beside a tick for each."""
    numbers = _many_numbers(values)
    if numbers is not None:
        axes.set_xscale("log" if _spans_decades(numbers) else "linear")
        return numbers
    levels = _ordered(values)
    axes.set_xticks(range(len(levels)), levels)
    index = {text: place for place, text in enumerate(levels)}
    beside = np.random.default_rng(0).uniform(-0.18, 0.18, len(values))
    return np.array([index[level(value)] for value in values], dtype=float) + beside


def _many_numbers(values: Sequence[Any]) -> np.ndarray | None:
    """Values as numbers, where they are so many different ones that an axis cannot name them."""
    known = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(known) < len(values) or len(set(known)) <= MOST_LEVELS:
        return None
    return np.array(known, dtype=float)


def _spans_decades(numbers: np.ndarray) -> bool:
    """Whether the logarithms of numbers are better to look at."""
    return bool(numbers.min() > 0 and numbers.max() / numbers.min() > DECADES)


def _ordered(values: Sequence[Any]) -> list[str]:
    """The distinct values as text: numbers by size, words by letters."""
    distinct = {level(value): value for value in values}
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in distinct.values())
    return sorted(distinct, key=lambda text: distinct[text] if numbers else text)


def _metric_axis(axes: Any, table: RunsTable) -> None:
    axes.set_ylabel(metric_words(table))
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    if table.is_share():
        percent(axes)


def curves(table: RunsTable, metrics: Sequence[str]) -> Any:
    """Every run's epochs, overlaid, one panel for each metric; the best run stands out.

    Losses of different kinds have a panel each: their values cannot be compared.
    """
    best = lead(table)
    panels = [(name, *one) for name in metrics for one in by_loss(table, name, table.runs)]
    rows = (len(panels) + 1) // 2
    with figure(0.4 + 2.3 * rows, rows, min(2, len(panels))) as (drawn, grid):
        for axes, (name, loss, runs) in zip(grid.flat, panels, strict=False):
            for run in runs:
                if run is not best:
                    _curve(
                        axes,
                        table,
                        run,
                        name,
                        color=DATA,
                        alpha=0.22,
                        linewidth=0.8,
                        rasterized=len(table.runs) > MANY,
                    )
            if best is not None and best in runs:
                _curve(axes, table, best, name, color=ACCENT, linewidth=1.8, zorder=3)
            axes.set_title(f"{table.words(name)}{f', {words(loss)}' if loss else ''}")
            loss_axis(axes, table, name, runs)
            axes.grid(axis="y", color=RULE, linewidth=0.6)
            if table.is_share(name):
                percent(axes)
            whole_numbers(axes)
        for axes in list(grid.flat)[len(panels) :]:
            axes.set_visible(False)
        for axes in grid[-1]:
            axes.set_xlabel("epoch" if table.own else "step")
    return drawn


def by_loss(table: RunsTable, metric: str, runs: Sequence[Row]) -> list[tuple[str, Sequence[Row]]]:
    """Runs by the loss that they were trained with, where the metric's values depend on it."""
    if not table.own or not metric.endswith("loss"):
        return [("", runs)]
    found: dict[str, list[Row]] = {}
    for run in runs:
        found.setdefault(level(run.config.get("loss")), []).append(run)
    return list(found.items()) if len(found) > 1 else [("", runs)]


def loss_axis(axes: Any, table: RunsTable, metric: str, runs: Sequence[Row]) -> None:
    """A logarithmic axis for a loss whose values span decades."""
    if not metric.endswith("loss"):
        return
    values = np.array([value for run in runs for _, value in points(table, run, metric)])
    if len(values) and _spans_decades(values):
        axes.set_yscale("log")
        plain_ticks(axes.yaxis)


def _curve(axes: Any, table: RunsTable, run: Row, name: str, **style: Any) -> None:
    rows = points(table, run, name)
    if table.own:  # what is not finite leaves a gap
        rows = [(finite(epoch), finite(value)) for epoch, value in table.steps(run, name)]
    if any(np.isfinite(value) for _, value in rows):
        marker = "." if len(rows) == 1 else None
        axes.plot(*zip(*rows, strict=True), marker=marker, **style)


def _along(column: Sequence[Any]) -> tuple[np.ndarray, list[tuple[str, float]]]:
    """Places of values between 0 and 1, and what is written beside the axis at which of them."""
    numbers = _many_numbers(column)
    if numbers is not None:
        scaled = np.log(numbers) if _spans_decades(numbers) else numbers
        low, high = (level(float(f"{end:.3g}")) for end in (numbers.min(), numbers.max()))
        ends = [(low, 0.0), (high, 1.0)]
        return (scaled - scaled.min()) / np.ptp(scaled), ends
    levels = _ordered(column)
    index = {text: place / max(len(levels) - 1, 1) for place, text in enumerate(levels)}
    shown = levels if len(levels) <= MOST_LEVELS else [levels[0], levels[-1]]
    return np.array([index[level(v)] for v in column]), [(text, index[text]) for text in shown]


def parallel(table: RunsTable) -> Any:
    """Every run as a line through its settings and the metric, dark where it is good."""
    names = settings(table)
    runs = list(reversed(table.ranked()))  # the best are drawn last, on top
    values = np.array([finite(run.value) for run in runs])
    beside = np.random.default_rng(0).uniform(-0.03, 0.03, (len(runs), len(names)))
    places = np.empty((len(runs), len(names) + 1))
    with figure(3.8) as (drawn, [[axes]]):
        for i, name in enumerate(names):
            column = [run.config.get(name) for run in runs]
            places[:, i], marks = _along(column)
            for text, place in marks:
                axes.annotate(
                    plain_numbers(text),
                    (i, place),
                    (-4, 0),
                    textcoords="offset points",
                    ha="right",
                    va="center",
                    fontsize=7,
                    color=SOFT,
                    zorder=4,
                    bbox={"facecolor": "white", "alpha": 0.9, "linewidth": 0, "pad": 0.6},
                )
        places[:, :-1] += beside
        spread = float(np.ptp(values)) or 1.0
        places[:, -1] = (values - values.min()) / spread if len(values) else values
        good = places[:, -1] if table.metric.goal == "maximize" else 1 - places[:, -1]
        for line, share in zip(places, good, strict=True):
            axes.plot(
                range(len(names) + 1),
                line,
                color=ramp()(share),
                linewidth=0.9,
                alpha=0.35 + 0.5 * share,
                rasterized=len(runs) > MANY,
            )
        axes.set_xticks(
            range(len(names) + 1),
            [text.replace(" ", "\n") for text in (*map(table.words, names), metric_words(table))],
            fontsize=7.5,
        )
        axes.set_xlim(-0.55, len(names) + 0.35)
        axes.set_yticks([])
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.tick_params(length=0)
        for i in range(len(names) + 1):
            axes.axvline(i, color=RULE, linewidth=0.8, zorder=0)
        if len(values):
            for place, value in ((0.0, values.min()), (1.0, values.max())):
                text = amount(table, value)
                axes.annotate(
                    text,
                    (len(names), place),
                    (4, 0),
                    textcoords="offset points",
                    ha="left",
                    va="center",
                    fontsize=7,
                    color=SOFT,
                )
    return drawn
