"""Sentences about the best configuration: what it reaches, and which others are as good."""

from __future__ import annotations

from typing import Any

from dlsweep.report._runs import RunsTable
from dlsweep.report._words import amount, code, count, listed, span
from dlsweep.report.findings import Best, find
from dlsweep.report.statistics import FEWEST, Configuration
from dlsweep.report.text._names import again, better, measured, sentence, setting

MOST_SETTINGS = 4
"""That a sentence names a configuration by."""


def best_run(table: RunsTable) -> list[str]:
    """The best configuration, how sure it is that it is the best, and which are as good."""
    if not table.judged:
        return []
    best = find(table).best
    if best is None:
        return [f"No run has a value of {measured(table)}."]
    return [f"{sentence(best_configuration(table, best))}.", *how_sure(table)]


def how_sure(table: RunsTable) -> list[str]:
    """How sure it is that the best configuration is the best, and what its kept model reaches."""
    best = find(table).best if table.judged else None
    if best is None:
        return []
    return [*_kept(table, best), *_luck(table, best), *_alone(best), *_simplest(table, best)]


def best_configuration(table: RunsTable, best: Best) -> str:
    """The best configuration by the settings that matter, with its value and how sure that is."""
    effects = [e for e in find(table).effects if e.known and best.configuration.says(e.setting)]
    names = [e.setting for e in effects][:MOST_SETTINGS]
    which = listed([setting(table, name, best.configuration.get(name)) for name in names])
    value = f"**{amount(table, best.value)}**"
    if table.own:
        value = f"{value} {measured(table)}"
    else:
        value = f"{value} in {measured(table)}, where {better(table)}"
    told = f"{value}{_how(table, best)}"
    if best.of == 1:
        return f"the only configuration with a result, {code(best.run.name)}, reaches {told}"
    if which:
        return f"the best configuration has {which} and reaches {told}"
    return f"the best configuration, that of {code(best.run.name)}, reaches {told}"


def _how(table: RunsTable, best: Best) -> str:
    """What its value is the mean of, and its interval."""
    interval = span(table, best.low, best.high) if best.by else ""
    if best.seeds > 1:
        why = interval or f"too few for an interval: it takes {FEWEST}"
        return f", the mean of {count(best.seeds, again(table))} ({why})"
    images = f" from {best.images:,} images" if best.by == "images" else ""
    return f" ({interval}{images})" if interval else ""


def rivals(table: RunsTable, best: Best) -> list[str]:
    """How many other configurations may be as good; nothing where that is not known."""
    n = len(best.group) - 1
    if best.of == 1 or n < 0:
        return []
    if n == 0:
        others = f"each of the {best.of - 1:,} others" if best.of > 2 else "the other one"
        return [f"It is better than {others}, beyond chance."]
    which = "All others" if n == best.of - 1 and n > 1 else count(n, "other")
    differences = "difference is" if n == 1 else "differences are"
    line = f"{which} may be just as good: the {differences} within chance"
    if not _of_different_size(best) or best.simplest is None:
        return [f"{line}."]
    if best.simplest is best.configuration:
        return [f"{line}, and it is the simplest of them."]
    return [f"{line}; the simplest of them has {amount(table, best.simplest.value)}."]


def _kept(table: RunsTable, best: Best) -> list[str]:
    """What the model of the run's best epoch reaches, which is the one that is kept."""
    if not table.own or table.metric.name.startswith("test"):
        return []
    test = best.run.summary.get("test_accuracy")
    val: Any = best.run.summary.get("best_val_accuracy")
    if not isinstance(test, int | float):
        return []
    whose = f"The model of {code(best.run.name)}" if best.seeds > 1 else "The model that it kept"
    tested = f"{amount_of_share(test)} on the test images, which had no part in choosing it"
    epoch = best.run.summary.get("best_epoch")
    if not epoch:
        return [f"{whose} has an accuracy of {tested}."]
    seen = f"{amount_of_share(val)} on the validation images and " if is_number(val) else ""
    return [f"{whose} is that of its best epoch, {epoch}: {seen}{tested}."]


def _luck(table: RunsTable, best: Best) -> list[str]:
    """What is not known of a configuration that was run too seldom."""
    if best.of == 1 or best.seeds >= FEWEST:
        return []
    times = {1: "once", 2: "twice"}[best.seeds]
    verb = "trained" if table.own else "run"
    return [f"It was {verb} {times}, so how much of its lead is luck is not known."]


def _alone(best: Best) -> list[str]:
    if best.of == 1 or not best.group:
        return []
    if len(best.group) == 1:
        others = f"all {best.of - 1:,} others" if best.of > 2 else "the other one"
        return [f"Its lead over {others} is beyond chance."]
    return [
        f"{len(best.group):,} of {count(best.of, 'configuration')} may be the best: the truly best "
        "is among them in 95 % of such sweeps."
    ]


def _simplest(table: RunsTable, best: Best) -> list[str]:
    """The simplest of those that may be the best, with its size."""
    if best.simplest is None or not _of_different_size(best):
        return []
    if best.simplest is best.configuration:
        return [f"It is also the simplest of them, with {_size(best.simplest)}."]
    return [
        f"The simplest of them is that of {code(best.simplest.runs[0].name)}, with "
        f"{_size(best.simplest)} and {amount(table, best.simplest.value)}; the best has "
        f"{_size(best.configuration)}."
    ]


def _of_different_size(best: Best) -> bool:
    """Whether those that may be the best have different numbers of parameters."""
    return len({c.runs[0].summary.get("parameters") for c in best.group}) > 1


def _size(configuration: Configuration) -> str:
    return f"{configuration.runs[0].summary['parameters']:,.0f} parameters"


def amount_of_share(value: float) -> str:
    """A fraction in percent, with one decimal."""
    return f"{100 * value:.1f} %"


def is_number(value: object) -> bool:
    """Whether this is a number, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)
