"""What is measured of runs, as text: its name, means with their intervals, differences."""

from __future__ import annotations

import math

from dlsweep.report._data import result
from dlsweep.report._measures import FINAL, Measured
from dlsweep.report._runs import RunsTable
from dlsweep.report._words import code
from dlsweep.report.statistics import FEWEST


def measure_words(table: RunsTable, name: str) -> str:
    """A metric as people say it."""
    words = table.words(name.removeprefix(FINAL))
    return f"final {words}" if name.startswith(FINAL) else words


def mean_and_interval(table: RunsTable, name: str, found: Measured) -> tuple[str, str]:
    """A mean and its interval as text, such as 97.2 % and 96.9 to 97.5 %; empty where not known."""
    if not found.values:
        return "–", ""
    mean = result(table, name, found.mean)
    if len(found.values) < FEWEST:
        return mean, ""
    share = table.is_share(name)
    low = f"{100 * found.low:.1f}" if share else result(table, name, found.low)
    return mean, f"{low} to {result(table, name, found.high)}"


def in_brackets(mean: str, interval: str) -> str:
    """A number with its interval in one line."""
    return f"{mean} ({interval})" if interval else mean


def with_interval(table: RunsTable, name: str, found: Measured) -> str:
    """A mean with its interval as text: 97.2 % (96.9 to 97.5 %)."""
    return in_brackets(*mean_and_interval(table, name, found))


def gain(table: RunsTable, name: str, value: float, low: float, high: float) -> tuple[str, str]:
    """A difference and its interval as text, with signs: +0.4 and −0.1 to +0.9."""
    if math.isnan(value):
        return "–", ""

    def signed(x: float) -> str:
        digits = f"{100 * x:+.1f}" if table.is_share(name) else f"{x:+.3g}"
        return digits.replace("-", "\N{MINUS SIGN}")

    return signed(value), "" if math.isnan(low) else f"{signed(low)} to {signed(high)}"


def cited(table: RunsTable, name: str) -> str:
    """A setting or metric in a sentence of any face."""
    return table.words(name) if table.own else code(name)
