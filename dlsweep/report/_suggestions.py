"""Three configurations to try on another data set, taken from the runs with their evidence."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from dlsweep.report._runs import Run, RunsTable, level
from dlsweep.report._text import ruined_by
from dlsweep.report._words import amount, choice, code, count, difference, listed, setting
from dlsweep.report.findings import find, lead
from dlsweep.report.statistics import (
    Configuration,
    configurations,
    is_seed,
    repeated,
    settings,
)

FEWEST = 10
FEWEST_TRIED = 3
"""Values of a number, for speaking of the ends of what was tried."""
FEWEST_SEEDS, SEEDS = 3, 5
"""With so many a mean has an interval; so many are suggested."""
MOST_REPEATED = 5
NEAR = 0.01
"""As good as the best: within a point of accuracy, or a hundredth of any other metric."""
_WORDS = ("optimizer", "activation", "model", "loss", "weight_init", "lr_schedule")


@dataclass(frozen=True)
class Suggestion:
    """A configuration of the sweep, and why to try it.

    Attributes:
        configuration: what was trained.
        rank: its place among all configurations, from 1.
        why: in what it differs from the others suggested, with counts.
    """

    configuration: Configuration
    rank: int
    why: str


def suggest(table: RunsTable) -> list[Suggestion]:
    """Up to three configurations: the best; the best that differs where it matters; a cheap one.

    None of fewer than ten configurations; the third only where one is as good and cheaper.
    """
    ranked = _ranked(table)
    if len(ranked) < FEWEST:
        return []
    best = ranked[0]
    chosen = [Suggestion(best, 1, f"The best of {count(len(ranked), 'configuration')}")]
    for other in (_different(table, ranked), _cheap(table, ranked)):
        if other is not None and all(other.configuration is not s.configuration for s in chosen):
            chosen.append(other)
    return chosen


def suggestions(table: RunsTable) -> list[str]:
    """The three as sentences, with the command to type; or why there are none.

    Nothing of a program's runs: whether it takes other data is not known.
    """
    if not table.own:
        return []
    found = suggest(table)
    if not found:
        n = len(configurations(table))
        return [
            "Too few runs to suggest anything: "
            f"{count(n, 'configuration has', 'configurations have')} a result, and it takes "
            f"{FEWEST}."
        ]
    return [_sentence(table, suggestion) for suggestion in found]


def _sentence(table: RunsTable, suggestion: Suggestion) -> str:
    c = suggestion.configuration
    names = [name for name in settings(table) if name in c.runs[0].config]
    told = listed([setting(name, c.get(name)) for name in names])
    seeds = "one seed" if len(c.runs) == 1 else f"the mean of {len(c.runs)} seeds"
    return (
        f"{suggestion.why}: {told}. Here {amount(table, c.value)} ({seeds}; number "
        f"{suggestion.rank:,} of {len(configurations(table)):,}). {_on_other_data(table, c)}"
    )


def _on_other_data(table: RunsTable, configuration: Configuration) -> str:
    config = configuration.runs[0].config
    kept = {k: v for k, v in config.items() if k not in ("dataset", "seed", "train_size")}
    return code(table.command({**kept, "dataset": "YOURS"}) or "")


def _ranked(table: RunsTable) -> list[Configuration]:
    """All configurations, the best as the report has it first, the others by their means."""
    best = find(table).best
    first = None if best is None else best.configuration
    sign = -1 if table.metric.goal == "maximize" else 1
    return sorted(repeated(table), key=lambda c: (c is not first, sign * c.value))


def _different(table: RunsTable, ranked: list[Configuration]) -> Suggestion | None:
    """The best with another value of the setting that matters most, words before numbers."""
    best = ranked[0]
    known = [e.setting for e in find(table).effects if e.verdict in ("matters", "together")]
    order = known or settings(table)
    bad = {(ruin.setting, ruin.level) for ruin in find(table).ruins}
    for name in sorted(order, key=lambda name: name not in _WORDS):
        mine = level(best.get(name))
        for rank, c in enumerate(ranked, start=1):
            other = level(c.get(name))
            if other == mine or any((n, level(c.get(n))) in bad for n, _ in bad):
                continue
            same = [o.value for o in ranked if level(o.get(name)) == other]
            middle = amount(table, statistics.median(same))
            others = (
                f"the median of the {len(same):,} configurations with {choice(name, other)} is "
                f"{middle}"
                if len(same) > 1
                else f"no other configuration has {choice(name, other)}"
            )
            why = f"The best without {choice(name, mine)}; {others}"
            return Suggestion(c, rank, why)
    return None


def _cheap(table: RunsTable, ranked: list[Configuration]) -> Suggestion | None:
    """The least work among those as good as the best: parameters times epochs."""
    best = ranked[0]
    work = _work(best)
    if work is None:
        return None
    near = _near(table, best)
    costs = [
        (w, rank, c)
        for rank, c in enumerate(ranked, start=1)
        if abs(c.value - best.value) <= near and (w := _work(c)) is not None
    ]
    least, rank, c = min(costs, key=lambda item: item[:2])
    if least >= work:
        return None
    return Suggestion(
        c,
        rank,
        f"The cheapest of the {len(costs):,} within {difference(table, near)} of the "
        f"best, {work / least:.1f} times less work than it (parameters times epochs)",
    )


def _near(table: RunsTable, best: Configuration) -> float:
    return NEAR if table.is_share() else NEAR * abs(best.value)


def _work(configuration: Configuration) -> float | None:
    run = configuration.runs[0]
    parameters, epochs = run.summary.get("parameters"), run.config.get("epochs")
    if not isinstance(parameters, int | float) or not isinstance(epochs, int | float):
        return None
    return float(parameters * epochs)


def next_steps(table: RunsTable) -> list[str]:
    """What to run next: without what ruins runs, beyond what was tried, and the best once more."""
    best = lead(table)
    if best is None:
        return []
    found = find(table)
    lines = [f"Leave out {ruined_by(ruin)}: next to nothing works with it." for ruin in found.ruins]
    worth = [effect.setting for effect in found.effects if effect.verdict != "unclear"]
    lines += [line for name in worth if (line := _edge(table, best, name))]
    return [*lines, *(_seeds(table) if table.own else _once_more(table, best))]


def _seeds(table: RunsTable) -> list[str]:
    """The command that trains the best configurations with more seeds, where one seed decided."""
    best = find(table).best
    if best is None or best.of < 2 or len(best.group) == 1:
        return []
    if table.replaced:  # the study's own ranking mixes losses
        return [
            "Judge the sweep by `metric: {name: val_accuracy, goal: maximize}`, which means the "
            "same whatever the loss."
        ]
    n = min(MOST_REPEATED, len(best.group) or best.of)
    if best.group and all(len(c.runs) >= FEWEST_SEEDS for c in best.group[:n]):
        return []
    told = (
        f"Train the best {count(n, 'configuration')} with more seeds, so that the best is not the "
        "luckiest"
    )
    if (study := table.study_arguments()) is None:
        return [f"{told}."]
    return [f"{told}: {code(f'dlsweep repeat {study} --top {n} --seeds {SEEDS}')}"]


def _edge(table: RunsTable, best: Run, name: str) -> str | None:
    """That the best value of a number is the last that was tried on one side; None where not."""
    tried = {run.config[name] for run in table.runs if _is_number(run.config.get(name))}
    known = [run.config[name] for run in table.runs if name in run.config]
    mine = best.config.get(name)
    if len(tried) < FEWEST_TRIED or not all(map(_is_number, known)) or not _is_number(mine):
        return None
    ends = {min(tried): ("smallest", "smaller"), max(tried): ("largest", "larger")}
    if mine not in ends or (mine == 0 and mine == min(tried)):
        return None
    end, beyond = ends[mine]
    return (
        f"{setting(name, mine)} of the best run is the {end} value that was tried: whether "
        f"{beyond} ones are better is not known."
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _once_more(table: RunsTable, best: Run) -> list[str]:
    """To repeat the best run where nothing says how much of its lead is chance."""
    rivals = table.ranked()[1:]
    if not rivals or any(len(c.runs) > 1 for c in configurations(table)):
        return []
    seeds = listed([code(name) for name in best.config if is_seed(name)])
    other = f", with other values of {seeds}" if seeds else ""
    told = (
        f"Run {code(best.name)} and {code(rivals[0].name)} a few times more{other}: how much of "
        "the lead of the first is chance is not known."
    )
    line = table.command(rivals[0].config)
    # Text shows neither backticks nor runs of spaces as they are: then no command is better.
    if not line or code(line) != f"`{line}`":
        return [told]
    return [f"{told} The command of the second: {code(line)}"]
