"""The sentences of a report, written from the runs: never more than the numbers show."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np

from dlsweep.report._data import is_final, logged, other_results
from dlsweep.report._runs import Run, RunsTable
from dlsweep.report._words import (
    amount,
    between,
    code,
    count,
    difference,
    listed,
    setting,
    share,
    span,
)
from dlsweep.report.statistics import (
    Effect,
    comparison,
    configurations,
    effects,
    importances,
    interval,
    repeats,
    settings,
)

MOST_NAMES = 10
"""Of metrics, in a sentence."""


def overview(table: RunsTable) -> list[str]:
    """How many runs there are, what they differ in, and how they came out."""
    if not table.runs:
        return ["There are no runs yet."]
    swept = [run for run in table.runs if not run.beside]
    statuses = Counter(run.status.replace("_", " ") for run in swept)
    whole = "all " if len(swept) > 1 else ""
    told = listed([f"{n:,} {status}" for status, n in statuses.items()])
    told = f"{whole}{next(iter(statuses))}" if len(statuses) == 1 else told
    found, names = configurations(table), settings(table)
    varied = f" They differ in {listed([code(name) for name in names])}." if names else ""
    between = "," if len(statuses) == 1 else ":"
    lines = [f"{count(len(swept), 'run')}{between} {told}.{varied}"]
    if not table.judged:
        return [*lines, "No metric says which of them is better, so none is ranked."]
    if not found:
        return [*lines, f"None of them has a value of {code(table.metric.name)}.{_logged(table)}"]
    repeated = sum(len(c.runs) > 1 for c in found)
    if repeated:
        again = "trained with more than one seed" if table.own else "run more than once"
        lines.append(
            f"They are {count(len(found), 'configuration')}, {repeated:,} of them {again}; below, "
            f"a configuration's value is the mean over its {_again(table)}s."
        )
    beside = len(table.runs) - len(swept)
    if beside:
        lines.append(
            f"{count(beside, 'run was', 'runs were')} trained beside the sweep, to repeat and to "
            "compare some of its own; what is said of the settings leaves them out."
        )
    stopped = statuses.get("stopped", 0)
    if stopped:
        lines.append(
            f"{count(stopped, 'run was', 'runs were')} stopped before the "
            f"{'last epoch' if table.own else 'end'}; what is said of the settings leaves such "
            "runs out."
        )
    return [*lines, _results(table)]


def _logged(table: RunsTable) -> str:
    """What a program's runs have logged where it is not what they are judged by."""
    names = [] if table.own else list(dict.fromkeys([*logged(table), *other_results(table)]))
    told = [code(name) for name in names[:MOST_NAMES]]
    if len(names) > MOST_NAMES:
        told.append(count(len(names) - MOST_NAMES, "other"))
    return f" They logged {listed(told)}." if names else ""


def _results(table: RunsTable) -> str:
    """The best, the middle and the worst result, as far as there are so many."""
    found = [run.value for run in table.ranked() if run.value is not None]
    of = " of a run's last epoch" if is_final(table) else ""
    best, worst = amount(table, found[0]), amount(table, found[-1])
    if len(found) == 1:
        told = f"the one run with a result has {best}"
    elif len(found) == 2:
        told = f"of the two runs with a result one has {best}, the other {worst}"
    else:
        middle = amount(table, float(np.median(found)))
        told = f"the best run has {best}, the worst {worst}, and the median is {middle}"
    if not table.own:
        of = f", the {'higher' if table.metric.goal == 'maximize' else 'lower'} the better"
    return f"By {code(table.metric.name)}{of}: {told}."


def what_matters(table: RunsTable) -> list[str]:
    """Which settings matter and by how much: importance, then differences with intervals."""
    if not table.judged:
        return []
    if not settings(table):
        return ["The runs differ in no setting, so nothing can be said about what matters."]
    return [*_importance(table), *_differences(table)]


def _importance(table: RunsTable) -> list[str]:
    found = importances(table)
    if found.configurations < found.needed:
        return [
            f"**Too few runs to say how important each setting is:** "
            f"{count(found.configurations, 'configuration has', 'configurations have')} a value, "
            f"and it takes {found.needed}."
        ]
    if not found.enough:
        return [f"All configurations have the same {code(table.metric.name)}."]
    known = max(0.0, found.explained)
    if not found.tell:
        return [
            f"**No setting can be called important:** a random forest that learns "
            f"{code(table.metric.name)} from the settings predicts {share(known)} of its variance "
            f"for configurations it has not seen."
        ]
    first = found.settings[:3]
    parts = [
        f"{code(i.setting)} {share(i.mean)} ({share(i.low)} to {share(i.high)})" for i in first
    ]
    lines = [
        f"A random forest predicts {share(known)} of the variance of {code(table.metric.name)} "
        f"for configurations it has not seen. Of what it knows, most comes from {listed(parts)}; "
        f"in brackets, where 95 % of its repeats lie."
    ]
    if len(first) > 1 and first[0].low < first[1].high:
        lines.append(
            f"Which of {code(first[0].setting)} and {code(first[1].setting)} comes first is not "
            "settled: their ranges overlap."
        )
    return lines


def _differences(table: RunsTable) -> list[str]:
    found = effects(table)
    clear = sorted((e for e in found if e.clear), key=lambda e: -abs(e.difference))
    lines = [_difference(table, effect) for effect in clear]
    unclear = [code(e.setting) for e in found if e.p is not None and not e.clear]
    if unclear:
        lines.append(
            f"{'No' if not clear else 'For the others, no'} difference beyond chance between the "
            f"values of {listed(unclear, 'or')}: that may be too few runs, or none that matters."
        )
    unknown = [code(e.setting) for e in found if e.p is None]
    if unknown:
        lines.append(
            f"Too few runs for each value to compare those of {listed(unknown, 'or')}: it takes "
            "three configurations each of at least two values."
        )
    return lines


def _difference(table: RunsTable, effect: Effect) -> str:
    best, worst = effect.best, effect.worst
    assert best is not None  # it is clear, so values were compared
    assert worst is not None
    bounds = (effect.low, effect.high) if effect.difference >= 0 else (-effect.high, -effect.low)
    return (
        f"{code(effect.setting)}: {amount(table, best.mean)} on average with {code(best.level)} "
        f"({count(best.configurations, 'configuration')}) against {amount(table, worst.mean)} with "
        f"{code(worst.level)} ({worst.configurations:,}), a difference of "
        f"{difference(table, abs(effect.difference))} ({between(table, *bounds)})."
    )


def best_run(table: RunsTable) -> list[str]:
    """The best run, and how sure it is that it is the best."""
    best = table.best()
    if not table.judged:
        return []
    if best is None:
        return [f"No run has a value of {code(table.metric.name)}."]
    value = f"**{amount(table, best.value)}**"
    of = " after its last epoch" if is_final(table) else ""
    alone = len(table.ranked()) == 1
    has = "is the only run with a value of" if alone else "has the best"
    lines = [f"{code(best.name)} {has} {code(table.metric.name)}{of}: {value}."]
    lines += _kept(table, best)
    return lines if alone else [*lines, *_seeds(table, best), *_near(table, best)]


def _kept(table: RunsTable, best: Run) -> list[str]:
    """What the model of the best run's best epoch reaches, which is the one that is kept."""
    if not table.own:
        return []
    test, val = best.summary.get("test_accuracy"), best.summary.get("best_val_accuracy")
    if not isinstance(test, int | float) or table.metric.name.startswith("test"):
        return []
    tested = f"{100 * test:.1f} % on the test images, which had no part in choosing it"
    epoch = best.summary.get("best_epoch")
    if not epoch:
        return [f"Its accuracy is {tested}."]
    seen = f"{100 * val:.1f} % on the validation images and " if isinstance(val, float) else ""
    return [f"Its model is that of its best epoch, {epoch}, with an accuracy of {seen}{tested}."]


def _again(table: RunsTable) -> str:
    """What the runs of one configuration are called: seeds are known of built-in networks."""
    return "seed" if table.own else "run"


def _seeds(table: RunsTable, best: Run) -> list[str]:
    found = configurations(table)
    mine = repeats(table, best)
    if len(mine.runs) == 1:
        once = "It was trained with one seed" if table.own else "Its settings were run once"
        lines = [f"{once}, so how much of its lead is luck is not known."]
    else:
        low, high = interval(mine.values)
        lines = [
            f"Over its {len(mine.runs)} {_again(table)}s its mean is {amount(table, mine.value)} "
            f"({span(table, low, high)})."
        ]
    rivals = [c for c in found if len(c.runs) >= max(2, len(mine.runs))]
    rivals = [c for c in rivals if table.metric.better(c.value, mine.value)]
    if rivals:
        top = rivals[0]
        for other in rivals[1:]:
            top = other if table.metric.better(other.value, top.value) else top
        lines.append(
            f"Over {_again(table)}s, another configuration is better on average: that of "
            f"{code(top.runs[0].name)} with {amount(table, top.value)} over {len(top.runs)}."
        )
    return lines


def _near(table: RunsTable, best: Run) -> list[str]:
    """How many others are as good as far as the validation images can tell."""
    counts = best.summary.get("val_confusion")
    if not table.own or table.metric.name not in ("val_accuracy", "best_val_accuracy"):
        return []
    if not counts:
        return []
    images, value = int(np.sum(counts)), best.value or 0.0
    error = 1.96 * math.sqrt(max(value * (1 - value), 0.0) / images) if images else 0.0
    others = sum((run.value or 0.0) >= value - error for run in table.ranked()) - 1
    return [
        f"With {images:,} validation images an accuracy like this is known to "
        f"±{difference(table, error)} (95 %, binomial); "
        f"{count(others, 'other run lies', 'other runs lie') if others else 'no other run lies'} "
        "within that."
    ]


def compared(table: RunsTable, name: str, first: Any, second: Any) -> list[str]:
    """Two values of a setting with all else equal, the seed included."""
    found = comparison(table, name, first, second)
    one, other = setting(name, first), setting(name, second)
    if not found.pairs:
        return [f"No two runs differ in nothing but {one} and {other}, so they cannot be compared."]
    a, b = found.pairs[0]
    lines = [
        f"On the best configuration that was trained with both, {one} has "
        f"{amount(table, a.value)} and {other} {amount(table, b.value)}."
    ]
    if not found.enough:
        n = found.units
        pairs = "It is the only such pair" if n == 1 else f"There are {n} such pairs"
        return [*lines, f"{pairs}: too few to say whether the difference is chance."]
    verdict = "beyond chance" if found.clear else "not beyond chance"
    return [
        *lines,
        f"Over all {found.units:,} such {found.over} the second is "
        f"{difference(table, abs(found.difference))} "
        f"{'higher' if found.difference > 0 else 'lower'} on average "
        f"({between(table, found.low, found.high)} for second minus first): {verdict}.",
    ]


def methods(table: RunsTable) -> list[str]:
    """How the numbers of the report were made, for those who want to check them."""
    if not table.judged:
        return []
    return [
        "A configuration is one observation: runs that differ at most in their seed are averaged. "
        "Importance is that of a random forest, as W&B computes it, over 40 bootstrap samples of "
        "the configurations. Differences between a setting's values are tested with "
        "Kruskal-Wallis and given with Welch's interval, corrected for having chosen the best and "
        "the worst value; what runs have in common with the hypergeometric test. All tests are "
        "corrected (Holm) for how many were made; beyond chance means p < 0.05. They describe "
        "this sweep: settings that it did not vary, and values that it did not try, are unknown."
    ]
