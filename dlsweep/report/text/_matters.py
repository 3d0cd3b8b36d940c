"""Sentences about the settings: one verdict for each, with its numbers."""

from __future__ import annotations

from dlsweep.report._runs import RunsTable
from dlsweep.report._words import amount, between, count, difference, listed, share
from dlsweep.report.findings import Effect, Interaction, Ruin, find
from dlsweep.report.statistics import FEWEST
from dlsweep.report.text._names import choice, matters, measured, named, sentence, valued

_HOW = {"at chance": "ended at chance", "diverged": "diverged", "failed": "failed"}


def what_matters(table: RunsTable) -> list[str]:
    """One verdict for each setting: what matters and by how much, and what does not."""
    if not table.judged:
        return []
    found = find(table)
    if not found.effects:
        return ["The runs differ in no setting, so nothing can be said about what matters."]
    lines = _among(table)
    clear = [effect for effect in found.effects if effect.verdict == "matters"]
    lines += [_difference(table, effect) for effect in clear]
    lines += [_interaction(table, pair) for pair in found.interactions]
    return [*lines, *_unclear(table)]


def counted(ruin: Ruin) -> str:
    """How many configurations with a value that ruins runs came to nothing, and how."""
    which = f"all {ruin.of:,}" if ruin.ruined == ruin.of else f"{ruin.ruined:,} of the {ruin.of:,}"
    how = listed([_HOW[how] for how in ruin.how], "or")
    return f"{which} configurations with it {how}"


def ruined_by(table: RunsTable, ruin: Ruin) -> str:
    """A value that ruins runs, or an end of many: learning rate of `0.03` or more."""
    return choice(table, ruin.setting, ruin.level)


def _among(table: RunsTable) -> list[str]:
    """Among which configurations the settings are judged, where these are not all."""
    found = find(table)
    if not found.ruins:
        return []
    bad = listed([ruined_by(table, ruin) for ruin in found.ruins], "or")
    if not found.judged:
        return [f"No configuration without {bad} has a result, so nothing more is known."]
    verb = "ruins" if len(found.ruins) == 1 else "ruin"
    return [
        f"The settings are judged among the {found.judged:,} configurations without {bad}, which "
        f"{verb} runs {'by itself' if verb == 'ruins' else 'by themselves'}."
    ]


def _difference(table: RunsTable, effect: Effect) -> str:
    best, worst = effect.best, effect.worst
    assert best is not None  # it matters, so values were compared
    assert worst is not None
    configurations = count(best.configurations, "configuration")
    if effect.sized:
        low, high = effect.low, effect.high
        bounds = (low, high) if effect.difference >= 0 else (-high, -low)
        told = (
            f"{amount(table, best.mean)} on average with {valued(best.level)} ({configurations}), "
            f"{amount(table, worst.mean)} with {valued(worst.level)} "
            f"({worst.configurations:,}): a difference of "
            f"{difference(table, abs(effect.difference))} ({between(table, *bounds)})"
        )
    else:
        told = (
            f"the median is {amount(table, best.median)} with {valued(best.level)} "
            f"({configurations}) and {amount(table, worst.median)} with {valued(worst.level)} "
            f"({worst.configurations:,}); by how much the means differ is not certain"
        )
    name = named(table, effect.setting)
    line = f"{sentence(name)} {matters(name)}: {told}."
    if effect.peak:
        ends = [valued(effect.levels[0].level), valued(effect.levels[-1].level)]
        line += f" The best value lies in the middle: it beats both {listed(ends)}."
    return line


def _interaction(table: RunsTable, pair: Interaction) -> str:
    one = choice(table, pair.first, pair.levels[0])
    other = choice(table, pair.second, pair.levels[1])
    departure = pair.mean - pair.expected
    return (
        f"{sentence(named(table, pair.first))} and {named(table, pair.second)} act together: "
        f"{one} with {other} has {amount(table, pair.mean)} on average "
        f"({count(pair.configurations, 'configuration')}), "
        f"{difference(table, abs(departure))} {'more' if departure > 0 else 'less'} than their two "
        "effects added up."
    )


def _unclear(table: RunsTable) -> list[str]:
    found = find(table).effects
    lines = []
    for effect in found:
        if effect.verdict == "ruins" and effect.p is not None:
            bad = listed([valued(ruin.level) for ruin in effect.ruins])
            name = sentence(named(table, effect.setting))
            lines.append(f"{name} has no clear effect apart from {bad}.")
    unclear = [named(table, e.setting) for e in found if e.verdict == "unclear"]
    if unclear:
        lines.append(
            f"No clear effect of {listed(unclear, 'or')}: differences in {measured(table)} between "
            f"{'its' if len(unclear) == 1 else 'their'} values are within chance, so "
            f"{'it matters' if len(unclear) == 1 else 'they matter'} little, or there are too few "
            "runs to see it."
        )
    unknown = [named(table, e.setting) for e in found if e.verdict == "unknown"]
    if unknown:
        lines.append(
            f"Too few runs to judge {listed(unknown, 'or')}: a comparison takes {FEWEST} "
            "configurations for each of two values."
        )
    return lines


def importance(table: RunsTable, most: int) -> str:
    """The settings that matter most, with their shares of the variance; empty where none does."""
    known = [e for e in find(table).effects if e.known and e.share > 0][:most]
    if not known:
        return ""
    first, *others = known
    name = named(table, first.setting)
    line = f"{sentence(name)} {matters(name)} most ({share(first.share)} of the variance)"
    if first.peak and first.best is not None:
        line += f" and is best at {valued(first.best.level)}, in the middle of what was tried"
    if others:
        rest = [f"{named(table, e.setting)} ({share(e.share)})" for e in others]
        line += f", then {listed(rest)}"
    for pair in find(table).interactions[:1]:
        both = f"{valued(pair.levels[0])} and {valued(pair.levels[1])}"
        line += f"; {named(table, pair.first)} and {named(table, pair.second)} act together, with "
        line += f"{amount(table, pair.mean)} for {both}"
    return f"{line}."
