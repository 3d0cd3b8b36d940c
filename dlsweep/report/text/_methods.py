"""How the numbers of a report were made."""

from __future__ import annotations

from dlsweep.report._runs import RunsTable
from dlsweep.report._trained_on import trained_on


def methods(table: RunsTable) -> list[str]:
    """How the numbers of the report were made, for those who want to check them."""
    data = trained_on(table)
    if not table.judged:
        return data
    return [
        *data,
        "A configuration is one observation: runs that differ at most in their seed are averaged. "
        "Values that ruin runs are found first (hypergeometric test). The settings are then judged "
        "among the configurations without them, one after the other, by permutation tests of the "
        "metric and of its ranks in an additive model (Freedman and Lane), corrected for how many "
        "settings there are (Westfall and Young); pairs of settings likewise.",
        "Differences have Welch's interval, corrected for having chosen the best and the worst "
        "value, with the differences taken out that other settings make. All claims of a report "
        "together are wrong in at most one of twenty sweeps in which nothing matters. The "
        "configurations that may be the best include the truly best in 95 % of sweeps (Gupta). All "
        "of this describes this sweep: settings that it did not vary, and values that it did not "
        "try, are unknown.",
    ]
