"""The answer of a report, before all evidence: the best, what matters, what never works, what next.

Each sentence reads the findings that the sections below show in full.
"""

from __future__ import annotations

from dlsweep.report._data import is_final
from dlsweep.report._in_common import failures
from dlsweep.report._overview import cautions, chance_level
from dlsweep.report._runs import RunsTable
from dlsweep.report._suggestions import next_steps
from dlsweep.report._text import best_group, ruin_line
from dlsweep.report._words import amount, code, count, listed, setting, share, span
from dlsweep.report.findings import Best, Findings, find

MOST = 3
"""Settings that the answer names."""


def answer(table: RunsTable) -> list[str]:
    """Three to five sentences; none where nothing can be answered."""
    if not table.judged:
        return []
    found = find(table)
    if found.best is None:
        return []
    lines = [*cautions(table), _best(table, found, found.best), *best_group(table, found.best)]
    lines += [*_matters(found), *_never(table, found)]
    return [*lines, *next_steps(table)[len(found.ruins) :][-1:]]


def _best(table: RunsTable, found: Findings, best: Best) -> str:
    """The best configuration by the settings that matter."""
    names = [e.setting for e in found.effects if e.known and best.configuration.says(e.setting)]
    told = listed([setting(name, best.configuration.get(name)) for name in names])
    value = f"**{amount(table, best.value)}** {code(table.metric.name)}"
    of = " after the last epoch" if is_final(table) else ""
    if best.seeds > 1:
        times = count(best.seeds, "seed" if table.own else "run")
        of += f" on average over {times}"
    interval = f" ({span(table, best.low, best.high)})" if best.by else ""
    which = f", with {told}" if told else ""
    return f"The best configuration is that of {code(best.run.name)}{which}: {value}{of}{interval}."


def _matters(found: Findings) -> list[str]:
    known = [e for e in found.effects if e.known and e.share > 0][:MOST]
    if known:
        first, *rest = [f"{code(e.setting)} ({share(e.share)}" for e in known]
        more = f", then {listed([f'{text})' for text in rest])}" if rest else ""
        return [f"What matters most is {first} of the variance){more}."]
    if not found.effects:
        return []
    why = "differences between values are within chance, or too few runs were made"
    return [f"No setting is known to matter: {why}."]


def _never(table: RunsTable, found: Findings) -> list[str]:
    """What never works, and what went wrong."""
    if found.ruins:
        return [ruin_line(ruin) for ruin in found.ruins[:MOST]]
    return [*chance_level(table), *(failures(table)[:1] if table.failed() else [])]
