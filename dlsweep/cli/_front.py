"""The best compromises between several metrics, in lines for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep.cli._table import metric_text

if TYPE_CHECKING:
    from dlsweep.sweep import StudyTable

_MOST = 10


def front_lines(table: StudyTable) -> list[str]:
    """The configurations that no other beats in all metrics, a line each.

    Args:
        table: the study; there are no lines where it has one metric, or no run has all of them.
    """
    if not table.front:
        return []
    wanted = ", ".join(
        f"{'most' if m.goal == 'maximize' else 'least'} {m.name}" for m in table.metrics
    )
    count = len(table.front)
    heading = f"the best {count} compromises ({wanted}): no other run beats one in all"
    if count == 1:
        heading = f"one configuration is the best in all ({wanted})"
    cells = [
        [
            one.row.name,
            *(f"{m.name} {metric_text(v)}" for m, v in zip(table.metrics, one.values, strict=True)),
        ]
        for one in table.front[:_MOST]
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "      " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return [heading, *lines, *([f"      … and {count - _MOST} more"] if count > _MOST else [])]
