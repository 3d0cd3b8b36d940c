"""Where the parts of the pictures of effects stand, in shares of their width and height."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dlsweep.report._runs import level, plain_numbers
from dlsweep.report.findings import Effect, Level

DECADES = 30
"""So many times the least must the greatest be for a logarithmic axis, as on the whole page."""
STEPS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Scale:
    """Where a value stands between the ends of a scale, from 0 to 1."""

    low: float
    high: float

    def __call__(self, value: float) -> float:
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def ticks(self, most: int) -> list[float]:
        """Round numbers on it, at most about so many."""
        spread = (self.high - self.low) / most
        power = 10 ** math.floor(math.log10(spread))
        step = next(s * power for s in STEPS if s * power >= spread * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def scale_of(effects: Sequence[Effect]) -> Scale:
    """One scale for the means and intervals of all these settings."""
    levels = [one for effect in effects for one in (*effect.levels, *effect.curve)]
    ends = [end for one in levels for end in (one.low, one.high, one.mean) if math.isfinite(end)]
    low, high = min(ends), max(ends)
    return Scale(low, high if high > low else low + 1)


@dataclass(frozen=True)
class Curve:
    """A number's means as a curve with its band; places are percentages from the lower left.

    Attributes:
        line: the means, as SVG has points, which count from the upper left.
        bands: polygons, likewise.
        dots: of each mean, its place and what it is of.
        ticks: of the horizontal axis, places and texts.
    """

    line: str
    bands: tuple[str, ...]
    dots: tuple[tuple[float, float, Level], ...]
    ticks: tuple[tuple[float, str], ...]


def curve_of(effect: Effect, scale: Scale) -> Curve:
    """The curve of a number: its few values at equal distances, many where they stand."""
    if effect.curve == effect.levels:
        last = max(len(effect.curve) - 1, 1)
        xs = [i / last for i in range(len(effect.curve))]
        ticks = [(x, plain_numbers(one.level)) for x, one in zip(xs, effect.curve, strict=True)]
    else:
        xs, ticks = _placed([one.at for one in effect.curve])
    places = [
        (5 + 90 * x, 100 * scale(one.mean), one) for x, one in zip(xs, effect.curve, strict=True)
    ]
    return Curve(
        _points([(x, y) for x, y, _ in places]),
        tuple(_bands(places, scale)),
        tuple(places),
        tuple((5 + 90 * x, text) for x, text in ticks),
    )


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.2f},{100 - y:.2f}" for x, y in places)


def _bands(places: Sequence[tuple[float, float, Level]], scale: Scale) -> list[str]:
    """The band of the intervals; in pieces where some have too few configurations for one."""
    found: list[str] = []
    piece: list[tuple[float, Level]] = []
    for x, _, one in [*places, (0.0, 0.0, None)]:
        if one is not None and math.isfinite(one.low):
            piece.append((x, one))
            continue
        if len(piece) > 1:
            upper = [(x, 100 * scale(level_.high)) for x, level_ in piece]
            lower = [(x, 100 * scale(level_.low)) for x, level_ in reversed(piece)]
            found.append(_points([*upper, *lower]))
        piece = []
    return found


def _placed(values: Sequence[float]) -> tuple[list[float], list[tuple[float, str]]]:
    """Numbers on an axis from 0 to 1, logarithmic where they span decades; and its ticks."""
    low, high = min(values), max(values)
    if low > 0 and high / low > DECADES:
        start, spread = math.log10(low), math.log10(high / low)
        powers = range(math.ceil(start - 1e-9), math.floor(start + spread + 1e-9) + 1)
        marks = [((power - start) / spread, float(f"1e{power}")) for power in powers]
        xs = [(math.log10(value) - start) / spread for value in values]
    else:
        along = Scale(low, high if high > low else low + 1)
        marks = [(along(value), value) for value in along.ticks(3)]
        xs = [along(value) for value in values]
    return xs, [(x, plain_numbers(level(value))) for x, value in marks]
