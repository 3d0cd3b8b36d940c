"""What confirmation has shown, and what early termination would have, in lines for a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dlsweep.cli._table import value_text

if TYPE_CHECKING:
    from dlsweep.sweep import StudyTable

_MOST_NAMES = 8
_NOTABLE = 0.25
"""Standard deviations between seeds by which scores must differ before that is said."""


def confirmation_lines(table: StudyTable) -> list[str]:
    """Which configuration is the best by new seeds, how sure that is, and what equals it.

    Args:
        table: the study; there are no lines where nothing was confirmed.
    """
    found = table.confirmation
    if found is None or found.best is None:
        return []
    names = {row.number: row.name for row in table.rows}
    best, metric = found.best, table.metric.name
    seeds = f"{len(best.values)} new seeds" if len(best.values) > 1 else "1 new seed"
    interval = ""
    if found.low is not None and found.high is not None:
        interval = f", 95 % interval {value_text(found.low)} to {value_text(found.high)}"
    lines = [f"confirmed: {names[best.number]}  {metric} {value_text(best.mean)} "]
    lines[0] += f"on average over {seeds}{interval}"
    equal = [names[number] for number in found.equal if number != best.number]
    compared = sum(bool(candidate.values) for candidate in found.candidates)
    if equal:
        more = f" and {len(equal) - _MOST_NAMES} more" if len(equal) > _MOST_NAMES else ""
        lines.append(f"not to be told from it: {', '.join(equal[:_MOST_NAMES])}{more}")
        if found.simplest == best.number:
            lines.append("it is the simplest of these")
        elif found.simplest is not None:
            size = next(c.size for c in found.candidates if c.number == found.simplest)
            lines.append(f"the simplest of these: {names[found.simplest]}, {size:,.0f} parameters")
    elif compared > 1:
        others = "the other one" if compared == 2 else f"all other {compared - 1}"
        lines.append(f"better than {others} beyond chance")
    if (found.optimism or 0.0) > _NOTABLE * (found.deviation or math.inf):
        worse = "higher" if table.metric.goal == "maximize" else "lower"
        by = value_text(found.optimism)
        lines.append(f"the scores that chose them were {by} {worse} on average, by luck")
    return lines


def savings_line(table: StudyTable) -> str:
    """What stopping poor runs early would have saved; empty where there is nothing to say."""
    found = table.savings()
    if found is None:
        return ""
    line = f"early_terminate {{type: hyperband, min_iter: 1}} would have saved {found.saved:,} of "
    line += f"the {found.epochs:,} epochs"
    if not found.lost:
        return f"{line}, and have found the same best run"
    value = f"{table.metric.name} {value_text(found.best.value)}"
    return f"{line}; the best run that it would not have stopped has {value}"
