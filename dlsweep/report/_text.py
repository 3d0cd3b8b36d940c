"""The sentences of a report, written from its findings: never more than the numbers show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlsweep.report._data import is_final
from dlsweep.report._runs import RunsTable
from dlsweep.report._trained_on import trained_on
from dlsweep.report._words import (
    amount,
    between,
    choice,
    code,
    count,
    difference,
    listed,
    setting,
    share,
    span,
)
from dlsweep.report.findings import (
    Best,
    Contest,
    Effect,
    Interaction,
    Ruin,
    contest,
    find,
)
from dlsweep.report.statistics import FEWEST, Configuration

_HOW = {
    "at chance": "are no better than always answering one class",
    "diverged": "diverged",
    "failed": "failed",
}


def what_matters(table: RunsTable) -> list[str]:
    """One verdict for each setting: values that ruin runs, then what matters and by how much."""
    if not table.judged:
        return []
    found = find(table)
    if not found.effects:
        return ["The runs differ in no setting, so nothing can be said about what matters."]
    lines = [*(ruin_line(ruin) for ruin in found.ruins), *_rest(table)]
    clear = [effect for effect in found.effects if effect.verdict == "matters"]
    lines += [_difference(table, effect) for effect in clear]
    lines += [_interaction(table, pair) for pair in found.interactions]
    lines += _unclear(table)
    return [*lines, *_shares(table)]


def ruin_line(ruin: Ruin) -> str:
    """That a value ruins runs, with its counts."""
    which = f"all {ruin.of:,}" if ruin.ruined == ruin.of else f"{ruin.ruined:,} of the {ruin.of:,}"
    how = listed([_HOW[how] for how in ruin.how], "or")
    return f"{ruined_by(ruin)} **ruins runs by itself:** {which} configurations that have it {how}."


def ruined_by(ruin: Ruin) -> str:
    """A value that ruins runs, or an end of many: `lr = 0.5`, `lr` of 0.03 or more."""
    if ruin.level.endswith(" or more") or ruin.level.startswith("less than "):
        return f"{code(ruin.setting)} of {ruin.level}"
    return choice(ruin.setting, ruin.level)


def _rest(table: RunsTable) -> list[str]:
    """Among which configurations the settings are judged, where these are not all."""
    found = find(table)
    if not found.ruins:
        return []
    if not found.judged:
        return ["No other configuration has a result, so nothing more is known of the settings."]
    return [f"The settings are judged among the {found.judged:,} configurations without that."]


def _difference(table: RunsTable, effect: Effect) -> str:
    best, worst = effect.best, effect.worst
    assert best is not None  # it matters, so values were compared
    assert worst is not None
    configurations = count(best.configurations, "configuration")
    if effect.sized:
        low, high = effect.low, effect.high
        bounds = (low, high) if effect.difference >= 0 else (-high, -low)
        told = (
            f"{amount(table, best.mean)} on average with {code(best.level)} ({configurations}) "
            f"against {amount(table, worst.mean)} with {code(worst.level)} "
            f"({worst.configurations:,}), a difference of "
            f"{difference(table, abs(effect.difference))} ({between(table, *bounds)})"
        )
    else:
        told = (
            f"the median is {amount(table, best.median)} with {code(best.level)} "
            f"({configurations}) and {amount(table, worst.median)} with {code(worst.level)} "
            f"({worst.configurations:,}); by how much the means differ is not certain"
        )
    line = f"{code(effect.setting)} matters: {told}."
    if effect.peak:
        ends = [code(effect.levels[0].level), code(effect.levels[-1].level)]
        line += f" The best value lies between: it is better than both {listed(ends)}."
    return line


def _interaction(table: RunsTable, pair: Interaction) -> str:
    one, other = choice(pair.first, pair.levels[0]), choice(pair.second, pair.levels[1])
    departure = pair.mean - pair.expected
    return (
        f"{code(pair.first)} and {code(pair.second)} act together: {one} with {other} has "
        f"{amount(table, pair.mean)} on average "
        f"({count(pair.configurations, 'configuration')}), "
        f"{difference(table, abs(departure))} {'more' if departure > 0 else 'less'} than their two "
        "effects added up."
    )


def _unclear(table: RunsTable) -> list[str]:
    found = find(table).effects
    lines = []
    unclear = [code(e.setting) for e in found if e.verdict == "unclear"]
    beside = [e for e in found if e.verdict == "ruins" and e.p is not None]
    for effect in beside:
        bad = listed([code(ruin.level) for ruin in effect.ruins])
        lines.append(f"{code(effect.setting)} has no clear effect apart from {bad}.")
    if unclear:
        names = listed(unclear, "or")
        lines.append(
            f"No clear effect of {names}: the differences between "
            f"{'its' if len(unclear) == 1 else 'their'} values are within chance, so "
            f"{'it matters' if len(unclear) == 1 else 'they matter'} little, or there are too few "
            "runs to see it."
        )
    unknown = [code(e.setting) for e in found if e.verdict == "unknown"]
    if unknown:
        lines.append(
            f"Too few runs to judge {listed(unknown, 'or')}: a comparison takes {FEWEST} "
            "configurations for each of two values."
        )
    return lines


def _shares(table: RunsTable) -> list[str]:
    """How much of all differences goes with the settings that are known to matter."""
    found = find(table)
    parts = [
        f"{code(e.setting)} {share(e.share)} ({share(e.share_low)} to {share(e.share_high)})"
        for e in found.effects
        if e.known and e.share > 0
    ]
    if not parts:
        return []
    return [
        f"Together these account for {share(found.explained)} of the variance of "
        f"{code(table.metric.name)} over the configurations: {listed(parts)}; in brackets, the "
        "95 % interval."
    ]


def best_run(table: RunsTable) -> list[str]:
    """The best configuration, how sure it is that it is the best, and which are as good."""
    if not table.judged:
        return []
    best = find(table).best
    if best is None:
        return [f"No run has a value of {code(table.metric.name)}."]
    return [_best(table, best), *_kept(table, best), *_luck(table, best), *best_group(table, best)]


def _best(table: RunsTable, best: Best) -> str:
    name, metric, value = code(best.run.name), code(table.metric.name), amount(table, best.value)
    of = " after its last epoch" if is_final(table) else ""
    if best.seeds > 1:
        over = f"{best.seeds} {_again(table)}s"
        interval = span(table, best.low, best.high) if best.by else "too few for an interval"
        return (
            f"The best configuration is that of {name}: **{value}** {metric}{of} on average over "
            f"{over} ({interval})."
        )
    has = "is the only run with a value of" if best.of == 1 else "has the best"
    interval = ""
    if best.by == "images":
        interval = f" ({span(table, best.low, best.high)} for {best.images:,} images)"
    return f"{name} {has} {metric}{of}: **{value}**{interval}."


def _kept(table: RunsTable, best: Best) -> list[str]:
    """What the model of the run's best epoch reaches, which is the one that is kept."""
    if not table.own or table.metric.name.startswith("test"):
        return []
    test = best.run.summary.get("test_accuracy")
    val = best.run.summary.get("best_val_accuracy")
    if not isinstance(test, int | float):
        return []
    whose = f"The model of {code(best.run.name)}" if best.seeds > 1 else "Its model"
    tested = f"{100 * test:.1f} % on the test images, which had no part in choosing it"
    epoch = best.run.summary.get("best_epoch")
    if not epoch:
        return [f"{whose} has an accuracy of {tested}."]
    seen = f"{100 * val:.1f} % on the validation images and " if isinstance(val, float) else ""
    return [f"{whose} is that of its best epoch, {epoch}, with an accuracy of {seen}{tested}."]


def _again(table: RunsTable) -> str:
    """What the runs of one configuration are called: seeds are known of built-in networks."""
    return "seed" if table.own else "run"


def _luck(table: RunsTable, best: Best) -> list[str]:
    """What is not known of a configuration that was run too seldom."""
    if best.of == 1 or best.seeds >= FEWEST:
        return []
    times = {1: "once", 2: "twice"}[best.seeds]
    verb = "trained" if table.own else "run"
    return [f"It was {verb} {times}, so how much of its lead is luck is not known."]


def best_group(table: RunsTable, best: Best) -> list[str]:
    """Which configurations are as good, as far as the runs can tell."""
    if best.of == 1 or not best.group:
        return []
    if len(best.group) == 1:
        others = f"each of the {best.of - 1:,} others" if best.of > 2 else "the other"
        return [f"It is better than {others} beyond chance."]
    n = len(best.group)
    which = f"All {n:,} configurations" if n == best.of else f"{n:,} of {best.of:,} configurations"
    line = f"{which} may be the best: their differences are within chance."
    if best.simplest is None:
        return [line]
    if best.simplest is best.configuration:
        return [f"{line} It is also the simplest of them, with {_size(best.simplest)}."]
    run = best.simplest.runs[0]
    return [
        f"{line} The simplest of them is that of {code(run.name)}, with {_size(best.simplest)} "
        f"and {amount(table, best.simplest.value)}."
    ]


def _size(configuration: Configuration) -> str:
    return f"{configuration.runs[0].summary['parameters']:,.0f} parameters"


def compared(table: RunsTable, name: str, first: Any, second: Any) -> list[str]:
    """Two values of a setting, each with its best configuration, over equal seeds."""
    found = contest(table, name, first, second)
    one, other = setting(name, first), setting(name, second)
    lines = []
    sides = list(zip((one, other), found.configurations, found.tried, strict=True))
    absent = [said for said, c, _ in sides if c is None]
    if len(absent) == 2:
        return [f"No run has {one} or {other}, so they cannot be compared."]
    if absent:
        have = next(said for said, c, _ in sides if c is not None)
        lines.append(f"No run has {absent[0]}, so it cannot be compared with {have}.")
    else:
        told = [
            f"{said} has {amount(table, c.value)} ({count(len(c.runs), _again(table))}; the best "
            f"of {count(tried, 'configuration')})"
            for said, c, tried in sides
            if c is not None
        ]
        lines.append(f"Each with the configuration that is best for it, {listed(told)}.")
        lines.append(_gain(table, found))
        fewer, more = sorted(sides, key=lambda side: side[2])
        if 2 * fewer[2] < more[2]:
            lines.append(
                f"Fewer configurations were tried with {fewer[0]}, so a better one may be missing."
            )
    if found.missing and absent:
        lines.append(
            f"These commands train the best configuration with both, over equal seeds; whether "
            f"{absent[0]} has a better one of its own takes a sweep:"
        )
    elif found.missing:
        lines.append("These commands train what is missing for equal seeds:")
        lines += [code(line) for line in missing_commands(table, found)]
    return lines


def _gain(table: RunsTable, found: Contest) -> str:
    n = len(found.pairs)
    seeds = _again(table)
    if not found.enough:
        shared = f"share {count(n, seeds)}" if table.own and n else f"share no {seeds}"
        return f"They {shared}: it takes {FEWEST} to tell a difference from chance."
    low, high = found.low, found.high
    way = "higher" if found.difference > 0 else "lower"
    if found.difference < 0:
        low, high = -high, -low
    verdict = "beyond chance" if found.clear else "within chance"
    return (
        f"Over {count(n, seeds)} that both have, the second is "
        f"{difference(table, abs(found.difference))} {way} on average "
        f"({between(table, low, high)}): {verdict}."
    )


def missing_commands(table: RunsTable, found: Contest) -> list[str]:
    """The commands that train the runs that a comparison misses, into the same local study."""
    return [line for config in found.missing if (line := into_study(table, config))]


def into_study(table: RunsTable, config: Mapping[str, Any]) -> str | None:
    """The command that trains a configuration and adds it to the table's local study."""
    line, study = table.command(config), table.study_arguments()
    return f"{line} --study {study}" if line and study else line


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
        "settings there are (Westfall and Young); pairs of settings likewise. Differences have "
        "Welch's interval, corrected for having chosen the best and the worst value, with the "
        "differences taken out that other settings make. All claims of a report together are wrong "
        "in at most one of twenty sweeps in which nothing matters. The configurations that may be "
        "the best include the truly best in 95 % of sweeps (Gupta). All of this describes this "
        "sweep: settings that it did not vary, and values that it did not try, are unknown.",
    ]
