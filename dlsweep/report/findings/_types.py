"""What is found in a runs table: each finding is computed once, and every rendering reads it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from dlsweep.report.statistics import Configuration
from dlsweep.sweep import Row

Verdict = Literal["matters", "ruins", "together", "unclear", "unknown"]
"""What is known of a setting.

- matters: its values differ beyond chance.
- ruins: one of its values ruins runs by itself; beside that no difference beyond chance.
- together: it matters only together with another setting.
- unclear: no difference beyond chance.
- unknown: too few configurations of each value to tell.
"""

VERDICTS: dict[Verdict, str] = {
    "matters": "matters",
    "ruins": "one value ruins runs",
    "together": "matters with another",
    "unclear": "no clear effect",
    "unknown": "too few runs to tell",
}
"""The verdicts as tables and figures name them, in every rendering."""


@dataclass(frozen=True)
class Chance:
    """Runs whose accuracy is no better than that of always answering one class.

    Attributes:
        level: that accuracy, the highest where runs had different images.
        runs: those whose value is no better.
        never: those of them that were not better in any epoch: they never learned.
        of: how many runs there are to judge.
    """

    level: float
    runs: tuple[Row, ...]
    never: tuple[Row, ...]
    of: int


@dataclass(frozen=True)
class Ruin:
    """A value with which runs come to nothing, whatever their other settings.

    Attributes:
        setting: its name.
        level: the value as text, such as 0.5; of a number with very many values, an end of them,
            such as "0.03 or more".
        ruined, of: so many of all configurations that have the value ended at chance, diverged or
            failed.
        how: what became of them, in words, the most frequent first.
        p: the chance of it if the value did nothing (hypergeometric, corrected for all values).
    """

    setting: str
    level: str
    ruined: int
    of: int
    how: tuple[str, ...]
    p: float


@dataclass(frozen=True)
class Level:
    """The metric with one value of a setting.

    Attributes:
        level: the value, as text.
        configurations: how many have it.
        mean: of the metric over them, with the differences taken out that other settings make.
        low, high: its 95 % interval (Student's t); NaN for fewer than three configurations.
        median: likewise.
        at: of a number, where it stands on an axis: the value, or the middle of many; else NaN.
    """

    level: str
    configurations: int
    mean: float
    low: float
    high: float
    median: float
    at: float = math.nan


@dataclass(frozen=True)
class Effect:
    """What is known of one setting, among the configurations without a value that ruins runs.

    Attributes:
        setting: its name.
        verdict: see ``Verdict``.
        levels: one for each value, in the values' order.
        curve: the same for a number, to be drawn along its values: in up to eight ranges where
            there are more values than that; empty for what is no number.
        p: the chance of differences as large as these if the setting did nothing (a permutation
            test, corrected for all settings); None where it could not be tested.
        best, worst: the best and the worst value, of a setting that matters.
        difference: best minus worst, in the metric.
        low, high: its interval, 95 % after Bonferroni's correction for having chosen the two; NaN
            where it does not leave out 0: then it is the ranks that differ.
        peak: whether a number in the middle is better than the least and the greatest.
        ruins: its values that ruin runs.
        share: of the metric's variance over all configurations, what goes with the setting; 0 where
            it is not known to matter.
        share_low, share_high: 95 % of bootstrap samples lie between them.
    """

    setting: str
    verdict: Verdict
    levels: tuple[Level, ...]
    curve: tuple[Level, ...] = ()
    p: float | None = None
    best: Level | None = None
    worst: Level | None = None
    difference: float = math.nan
    low: float = math.nan
    high: float = math.nan
    peak: bool = False
    ruins: tuple[Ruin, ...] = ()
    share: float = 0.0
    share_low: float = 0.0
    share_high: float = 0.0

    @property
    def known(self) -> bool:
        """Whether the setting is known to matter, in whatever way."""
        return self.verdict in ("matters", "ruins", "together")

    @property
    def sized(self) -> bool:
        """Whether the size of the difference is known, and not only that there is one."""
        return math.isfinite(self.low)


@dataclass(frozen=True)
class Interaction:
    """Two settings whose effects do not add up.

    Attributes:
        first, second: their names.
        p: corrected for all pairs.
        levels: the pair of values that departs most from the sum of both effects.
        configurations: how many have that pair.
        mean: of the metric over them.
        expected: what the sum of both effects would give.
    """

    first: str
    second: str
    p: float
    levels: tuple[str, str]
    configurations: int
    mean: float
    expected: float


@dataclass(frozen=True)
class Best:
    """The best configuration, and how sure it is that it is the best.

    Attributes:
        configuration: with all of its seeds, those trained beside the sweep too.
        run: the one of its runs that is shown, the nearest to their mean.
        value: the mean of the metric.
        low, high: its 95 % interval; NaN where nothing says how large chance is.
        by: what the interval is from: "seeds" (how the metric spreads over seeds), "images" (so
            many validation images), or "" without one.
        images: how many validation images there were; 0 where it is not known.
        group: the configurations, this one first, that cannot be told from the best: the truly
            best of all is among them in 95 % of such sweeps; empty where chance is not known.
        of: how many configurations there are.
        simplest: the one of the group with the fewest parameters; None where they are not known.
    """

    configuration: Configuration
    run: Row
    value: float
    low: float
    high: float
    by: Literal["seeds", "images", ""]
    images: int
    group: tuple[Configuration, ...]
    of: int
    simplest: Configuration | None = None

    @property
    def seeds(self) -> int:
        """How often it was run."""
        return len(self.configuration.runs)


@dataclass(frozen=True)
class Trait:
    """A value that is more frequent among some configurations than among all, beyond chance.

    Attributes:
        setting: its name; always one that is known to matter.
        level: the value, as text.
        have, of: so many of the chosen configurations have it.
        have_all, of_all: so many of all do.
        p: hypergeometric, one-sided; Holm's correction over all values of all settings.
    """

    setting: str
    level: str
    have: int
    of: int
    have_all: int
    of_all: int
    p: float


@dataclass(frozen=True)
class Group:
    """Some configurations, and what they have in common.

    Attributes:
        members: the configurations.
        of: how many there are in all.
        traits: what is more frequent among them, the clearest first.
        enough: whether there were enough of both kinds to say anything.
        threshold: the metric that divides them from the others; NaN where something else does.
    """

    members: tuple[Configuration, ...]
    of: int
    traits: tuple[Trait, ...]
    enough: bool
    threshold: float = math.nan


@dataclass(frozen=True)
class Findings:
    """Everything that is found in a runs table.

    Attributes:
        configurations: how many the sweep has, whatever became of them.
        valued: those of them that have the metric.
        chance: what is known of runs that never learned; None where nothing is.
        ruins: values that ruin runs by themselves, the clearest first.
        judged: how many configurations there are without such a value, and with the metric.
        effects: one for each setting that was varied, the most important first.
        interactions: pairs of settings whose effects do not add up, the clearest first.
        explained: the share of the metric's variance that all of these go with.
        best: the best configuration; None without one.
    """

    configurations: int
    valued: tuple[Configuration, ...]
    chance: Chance | None
    ruins: tuple[Ruin, ...]
    judged: int
    effects: tuple[Effect, ...]
    interactions: tuple[Interaction, ...]
    explained: float
    best: Best | None

    def effect(self, setting: str) -> Effect:
        """What is known of a setting.

        Raises:
            KeyError: it was not varied.
        """
        for effect in self.effects:
            if effect.setting == setting:
                return effect
        raise KeyError(setting)
