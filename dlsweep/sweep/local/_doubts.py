"""Notices about values that a sweep probably does not mean."""

from __future__ import annotations

from typing import Any

from dlsweep.config import RunConfig
from dlsweep.data import known_facts
from dlsweep.sweep.file import Distribution, SweepFile, as_settings
from dlsweep.sweep.file._data import data_configs
from dlsweep.training._doubts import doubts

_BETTER_EARLY = (
    "a benchmark found configurations of 80.5 instead of 78.8 % accuracy for the compute of four "
    "runs"
)
"""What a first look after one epoch is worth, against after three (benchmarks/README.md)."""

_TAIL = 0.05
"""The share of the draws at each end of an interval that is left out: normal laws have no end."""


def doubts_of(sweep: SweepFile) -> list[str]:
    """Notices of the values of a sweep of built-in networks; see ``doubts``."""
    if sweep.command is not None:
        return []
    found = _stops_late(sweep)
    values = {name: (default,) for name, default in RunConfig().values().items()}
    values |= {name: _ends(d) for name, d in as_settings(sweep.parameters).items()}
    sizes = []
    for config in data_configs(sweep.parameters):
        facts = known_facts(config)
        if facts is not None:
            sizes.append(facts.sizes(config.val_fraction, config.train_size)[0])
    return found + doubts(values, min(sizes, default=None))


def _stops_late(sweep: SweepFile) -> list[str]:
    """A notice where early termination first looks at runs after several epochs."""
    rule = sweep.early_terminate
    first = next(iter(rule.brackets(sweep.longest)), 0) if rule is not None else 0
    if first < 2:
        return []
    what = f"the first look at a run is after {first} epochs"
    return [f"early_terminate: {what}; with min_iter: 1, {_BETTER_EARLY}"]


def _ends(distribution: Distribution) -> tuple[Any, ...]:
    """The values of a parameter, or about the least and the greatest of them."""
    listed = distribution.support()
    if listed is not None and len(listed) < 1000:
        return tuple(listed)
    return distribution.quantile(_TAIL), distribution.quantile(1 - _TAIL)
