"""Numbers and names as the sentences of a report write them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dlsweep.report._runs import RunsTable, level, plain_numbers


def code(text: object) -> str:
    """A name between backticks: shown as it is by every face, whatever is in it."""
    return f"`{' '.join(str(text).replace('`', chr(39)).split())}`"


def setting(name: str, value: Any) -> str:
    """A setting with its value, such as `optimizer = adam`."""
    return code(f"{name} = {level(value)}")


def choice(name: str, text: str) -> str:
    """A setting with a value that is text already, as findings have it."""
    return code(f"{name} = {text}")


def amount(table: RunsTable, value: float | None) -> str:
    """A value of the metric: 89.3 % for an accuracy, else four digits."""
    if value is None or not math.isfinite(value):
        return "none"
    return f"{100 * value:.1f} %" if table.is_share() else four_digits(value)


def four_digits(value: float) -> str:
    """A number of any size with four significant digits: 1,235, 0.0001235, 1.235 × 10⁸."""
    rounded = f"{value:.4g}"
    if 1000 <= abs(value) < 1e7:
        return f"{float(rounded):,.0f}"
    return plain_numbers(rounded)


def span(table: RunsTable, low: float, high: float) -> str:
    """An interval of values of the metric."""
    return f"95 % interval {amount(table, low)} to {amount(table, high)}"


def difference(table: RunsTable, value: float) -> str:
    """A difference of two values of the metric: 1.3 points for accuracies."""
    return f"{100 * value:.1f} points" if table.is_share() else four_digits(value)


def between(table: RunsTable, low: float, high: float) -> str:
    """An interval of differences, such as 95 % interval 0.4 to 2.1."""
    ends = (f"{100 * x:.1f}" if table.is_share() else four_digits(x) for x in (low, high))
    return f"95 % interval {' to '.join(ends)}"


def share(value: float) -> str:
    """A fraction in percent, without decimals."""
    return "under 1 %" if 0 < value < 0.005 else f"{100 * value:.0f} %"


def count(n: int, noun: str, plural: str = "") -> str:
    """A number with its noun: 1 run, 2 runs."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def minute(time: datetime) -> str:
    """A time to the minute, in the local time zone."""
    return f"{time.astimezone():%Y-%m-%d %H:%M}"


def listed(items: Sequence[str], last: str = "and") -> str:
    """Items in a sentence: a, b and c."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"
