"""What a runs table shows: typed findings, each computed once and read by every rendering.

All claims of a report together are wrong in at most one of twenty sweeps in which nothing matters.
"""

from dlsweep.report.findings._ablation import Ablated, Step, ablation
from dlsweep.report.findings._best import best, lead
from dlsweep.report.findings._chance import chance
from dlsweep.report.findings._common import (
    FEWEST,
    FEWEST_OF_A_KIND,
    FEWEST_TOP,
    THRESHOLD,
    at_chance,
    diverged_runs,
    low_runs,
    top_runs,
)
from dlsweep.report.findings._contest import Contest, contest
from dlsweep.report.findings._effects import within
from dlsweep.report.findings._find import find
from dlsweep.report.findings._pair import Cell, Pair, strongest_pair
from dlsweep.report.findings._studies import (
    AGREEMENTS,
    Agreement,
    CommonSetting,
    Compared,
    StudyResult,
    best_of_each,
    compare,
)
from dlsweep.report.findings._types import (
    VERDICTS,
    Best,
    Chance,
    Effect,
    Findings,
    Group,
    Interaction,
    Level,
    Ruin,
    Trait,
    Verdict,
)

__all__ = [
    "AGREEMENTS",
    "FEWEST",
    "FEWEST_OF_A_KIND",
    "FEWEST_TOP",
    "THRESHOLD",
    "VERDICTS",
    "Ablated",
    "Agreement",
    "Best",
    "Cell",
    "Chance",
    "CommonSetting",
    "Compared",
    "Contest",
    "Effect",
    "Findings",
    "Group",
    "Interaction",
    "Level",
    "Pair",
    "Ruin",
    "Step",
    "StudyResult",
    "Trait",
    "Verdict",
    "ablation",
    "at_chance",
    "best",
    "best_of_each",
    "chance",
    "compare",
    "contest",
    "diverged_runs",
    "find",
    "lead",
    "low_runs",
    "strongest_pair",
    "top_runs",
    "within",
]
