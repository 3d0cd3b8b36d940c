"""Intervals of means, of differences and of shares; none of them leaves the metric's range."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
from scipy import stats

FEWEST = 3
"""Values that an interval of a mean needs: two say next to nothing of their spread."""

Range = tuple[float, float]
ANY: Range = (-math.inf, math.inf)


def mean_interval(
    values: Sequence[float] | np.ndarray, within: Range = ANY, widened: float = 1.0
) -> Range:
    """The 95 % interval of a mean (Student's t); NaNs for fewer than three values.

    Args:
        values: independent of each other.
        within: the least and the greatest value that the metric can have; the interval ends there.
        widened: so many times wider, for what was fitted before.
    """
    found = np.asarray(values, dtype=float)
    if len(found) < FEWEST:
        return math.nan, math.nan
    half = widened * float(stats.t.ppf(0.975, len(found) - 1) * stats.sem(found))
    mean = float(found.mean())
    return max(mean - half, within[0]), min(mean + half, within[1])


def share_interval(share: float, of: int) -> Range:
    """The 95 % interval of a share of so many (Wilson's)."""
    found = stats.binomtest(round(share * of), of).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def difference_interval(
    one: np.ndarray, other: np.ndarray, confidence: float = 0.95, widened: float = 1.0
) -> Range:
    """The interval of the difference of two means, with variances of their own (Welch's)."""
    difference = float(np.mean(one) - np.mean(other))
    scale = max(np.abs(one).max(), np.abs(other).max(), 1e-300)
    if max(np.ptp(one), np.ptp(other)) < 1e-9 * scale:
        return difference, difference
    with warnings.catch_warnings():
        # One group's values are all equal: its variance is 0 and rightly counts as that.
        warnings.filterwarnings("ignore", "Precision loss", RuntimeWarning)
        found = stats.ttest_ind(one, other, equal_var=False).confidence_interval(confidence)
    low, high = (difference + widened * (float(end) - difference) for end in found)
    return low, high
