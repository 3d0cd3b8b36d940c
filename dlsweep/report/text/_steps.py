"""What to run next: each step with its command, where one is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dlsweep.config import ConfigError, RunConfig
from dlsweep.report._runs import RunsTable, level
from dlsweep.report._words import code, count, listed
from dlsweep.report.findings import find, lead
from dlsweep.report.statistics import configurations, is_seed
from dlsweep.report.text._best import is_number
from dlsweep.report.text._comparison import into_study
from dlsweep.report.text._names import named, sentence, valued
from dlsweep.sweep import Row

FEWEST_TRIED = 3
"""Values of a number, for speaking of the ends of what was tried."""
FEWEST_SEEDS, SEEDS = 3, 5
"""With so many a mean has an interval; so many are suggested."""
MOST_REPEATED = 5
GEOMETRIC = 1.5
"""From such a ratio of the last two values on, the next one continues it; else their distance."""


@dataclass(frozen=True)
class Step:
    """Something to do next.

    Attributes:
        told: what and why, as a sentence that ends without a point.
        command: what to type; empty where that is not known.
    """

    told: str
    command: str = ""

    def __str__(self) -> str:
        return f"{self.told}: {code(self.command)}" if self.command else f"{self.told}."


def steps(table: RunsTable) -> list[Step]:
    """What to run next: the best once more, then beyond what was tried."""
    best = lead(table)
    if best is None:
        return []
    if nothing_learned(table):
        return _basics(table, best)
    worth = [e.setting for e in find(table).effects if e.verdict != "unclear"]
    beyond = [step for name in worth if (step := _beyond(table, best, name))]
    return [*(_seeds(table, best) if table.own else _once_more(table, best)), *beyond]


def first_step(table: RunsTable) -> Step | None:
    """The step of a report's opening: where nothing is left to do, the best configuration again."""
    found = steps(table)
    best = lead(table)
    if found or best is None:
        return found[0] if found else None
    command = table.command(best.config)
    return Step(f"To {'train' if table.own else 'run'} it again", command) if command else None


def next_steps(table: RunsTable) -> list[str]:
    """What to run next, in sentences."""
    return [str(step) for step in steps(table)]


def more_steps(table: RunsTable) -> list[str]:
    """What to run next, without what the report's opening says."""
    return [str(step) for step in steps(table)[1:]]


def nothing_learned(table: RunsTable) -> bool:
    """Whether no run of the sweep was ever better than always answering one class."""
    found = find(table).chance
    return found is not None and found.of > 0 and len(found.never) == found.of


def _basics(table: RunsTable, best: Row) -> list[Step]:
    """Where no run learned anything: one run with the usual settings first."""
    kept = {name: best.config[name] for name in ("dataset",) if name in best.config}
    return [
        Step(
            "Before another sweep, find one configuration that learns; this trains one with the "
            "usual settings",
            table.command(kept) or "",
        )
    ]


def _seeds(table: RunsTable, best: Row) -> list[Step]:
    """The command that trains the best configurations with more seeds, where one seed decided."""
    found = find(table).best
    if found is None or (found.of > 1 and len(found.group) == 1):
        return []
    if table.replaced:  # the study's own ranking mixes losses
        return [
            Step(
                "Judge the sweep by `metric: {name: val_accuracy, goal: maximize}`, which means "
                "the same whatever the loss"
            )
        ]
    n = min(MOST_REPEATED, len(found.group) or found.of)
    group = found.group[:n] or (found.configuration,) * (found.of == 1)
    if group and all(len(c.runs) >= FEWEST_SEEDS for c in group):
        return []
    which = f"the best {count(n, 'configuration')}" if found.of > 1 else "it"
    told = f"Train {which} with more seeds, to see how much is luck"
    if (study := table.study_arguments()) is not None:
        return [Step(told, f"dlsweep repeat {study} --top {n} --seeds {SEEDS}")]
    seed: Any = best.config.get("seed")
    command = table.command({**best.config, "seed": seed + 1}) if is_number(seed) else None
    return [Step(f"{told}, such as the first", command) if command else Step(told)]


def _beyond(table: RunsTable, best: Row, name: str) -> Step | None:
    """To try a number beyond the last that was tried, where the best is at that end."""
    tried = {run.config[name] for run in table.runs if is_number(run.config.get(name))}
    known = [run.config[name] for run in table.runs if name in run.config]
    mine = best.config.get(name)
    if len(tried) < FEWEST_TRIED or not all(map(is_number, known)) or not is_number(mine):
        return None
    ends = {min(tried): ("smallest", "below"), max(tried): ("largest", "above")}
    if mine not in ends or (mine == 0 and mine == min(tried)):
        return None
    end, beyond = ends[mine]
    value = _next(sorted(tried, reverse=mine == min(tried)))
    command = _command(table, best.config, name, value) if value is not None else ""
    told = (
        f"Try {named(table, name)} {beyond} {valued(level(mine))}: the best run has the {end} "
        "value that was tried"
    )
    return Step(told, command)


def _next(tried: list[Any]) -> Any:
    """The number that goes on after the last two; None where that would be none."""
    before, last = tried[-2:]
    if before > 0 and last > 0 and max(last / before, before / last) >= GEOMETRIC:
        value = last * last / before
    else:
        value = last + (last - before)
    if isinstance(last, int):
        value = round(value)
    return value if value > 0 and value != last else None


def _command(table: RunsTable, config: Mapping[str, Any], name: str, value: Any) -> str:
    """The command that trains a configuration with another value; empty where it cannot be."""
    changed = {**config, name: value if isinstance(value, int) else float(f"{value:.3g}")}
    if table.own:
        try:
            RunConfig.restore(changed)
        except ConfigError:
            return ""
    return into_study(table, changed) or ""


def _once_more(table: RunsTable, best: Row) -> list[Step]:
    """To repeat the best run where nothing says how much of its lead is chance."""
    rivals = table.ranked()[1:]
    if not rivals or any(len(c.runs) > 1 for c in configurations(table)):
        return []
    seeds = listed([code(name) for name in best.config if is_seed(name)])
    other = f", with other values of {seeds}" if seeds else ""
    told = (
        f"Run {code(best.name)} and {code(rivals[0].name)} a few times more{other}, to see how "
        "much of the lead is chance"
    )
    line = table.command(rivals[0].config)
    # Text shows neither backticks nor runs of spaces as they are: then no command is better.
    if not line or code(line) != f"`{line}`":
        return [Step(told)]
    return [Step(f"{sentence(told)}; the second", line)]
