"""The opening of a report: the best, what matters, what never works, what next.

Each sentence is short; the sections below show what it is known from, and do not say it again.
"""

from __future__ import annotations

from dlsweep.report._runs import RunsTable
from dlsweep.report._words import amount, count, listed
from dlsweep.report.findings import at_chance, find
from dlsweep.report.text._best import best_configuration, rivals
from dlsweep.report.text._matters import counted, importance, ruined_by
from dlsweep.report.text._names import choice, measured, sentence
from dlsweep.report.text._overview import cautions, logged_instead, statuses
from dlsweep.report.text._steps import first_step, nothing_learned

MOST = 3
"""Settings that the answer names, and values that never work."""


def answer(table: RunsTable) -> list[str]:
    """Three to five sentences, the last with its command; one where nothing can be answered."""
    step = first_step(table)
    return [*sentences(table), *([str(step)] if step else [])]


def sentences(table: RunsTable) -> list[str]:
    """The answer without what to do next."""
    if not table.runs:
        return ["There are no runs yet."]
    if not table.judged:
        return [*cautions(table), statuses(table), "No metric says which run is better."]
    found = find(table)
    if found.best is None:
        none = f"No run has a value of {measured(table)}.{logged_instead(table)}"
        return [*cautions(table), statuses(table), none]
    if nothing_learned(table):
        return [*cautions(table), _nothing(table)]
    lines = [*cautions(table), f"{sentence(best_configuration(table, found.best))}."]
    return [*lines, *rivals(table, found.best), *_matters(table), *_never(table)]


def _nothing(table: RunsTable) -> str:
    found = find(table).chance
    assert found is not None  # no run learned
    which = f"None of the {found.of:,} runs" if found.of > 1 else "The run did not"
    has = " has learned anything" if found.of > 1 else " learn anything"
    best = "the best is" if found.of > 1 else "it is"
    return (
        f"**{which}{has}:** {best} no better than always answering {_one_class(table)} "
        f"({amount(table, found.level)})."
    )


def _one_class(table: RunsTable) -> str:
    found = find(table).chance
    return "one class" if found is None or found.level < 0.5 else "the most frequent class"


def _matters(table: RunsTable) -> list[str]:
    if line := importance(table, MOST):
        return [line]
    effects = find(table).effects
    if not effects:
        return []
    if all(effect.verdict == "unknown" for effect in effects):
        return ["There are too few runs to tell which settings matter."]
    return ["No setting is known to matter: all differences between values are within chance."]


def _never(table: RunsTable) -> list[str]:
    """What never works, and what went wrong."""
    found = find(table)
    if found.ruins:
        shown = found.ruins[:MOST]
        if len(shown) == 1:
            name = sentence(ruined_by(table, shown[0]))
            return [f"{name} **never works:** {counted(shown[0])}."]
        told = [f"{ruined_by(table, ruin)} ({counted(ruin)})" for ruin in shown]
        return [f"What **never works** is {listed(told)}."]
    return [*_lost(table), *_broken(table)]


def _lost(table: RunsTable) -> list[str]:
    """How many runs never learned, with the value that is most frequent among them."""
    found = find(table).chance
    if found is None or not found.runs:
        return []
    n = len(found.never) or len(found.runs)
    line = (
        f"{n:,} of {count(found.of, 'run')} **never learned:** they are no better than always "
        f"answering {_one_class(table)} ({amount(table, found.level)})"
    )
    if not found.never:
        line = f"{n:,} of {count(found.of, 'run')} ended at chance, though better before"
    for trait in at_chance(table).traits[:1]:
        which = choice(table, trait.setting, trait.level)
        line += f"; {which} is most frequent among them"
    return [f"{line}."]


def _broken(table: RunsTable) -> list[str]:
    failed = len(table.failed())
    return [f"{count(failed, 'run')} {table.broken}."] if failed else []
