"""The ways to search that are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.search import peers
from benchmarks.search.curves import EPOCHS
from benchmarks.search.ours import Named, Ours, confirm, sweep
from benchmarks.search.replay import AT_ONCE, Method, Seeds, Trace

BUDGETS = (4, 8, 16)
"""Of a search, in runs of all epochs."""
_STOP_EARLY = (("type", "hyperband"), ("min_iter", 1))
_STOP_LATER = (("type", "hyperband"), ("min_iter", 3))
_PROMOTE = (("type", "asha"),)
RECOMMENDED = "bayes, asha, --confirm 2 --seeds 3"


@dataclass(frozen=True)
class Way:
    """A way to search.

    Attributes:
        name: in the table.
        make: a search by its seed.
        search: the name of the search, which several ways may share.
        ours: whether it is one of `dlsweep sweep`'s.
        confirms: how many candidates are confirmed over how many new seeds at most, where the
            budget is twice as much; 0 for a way that names what it saw last.
        package: what must be installed.
        at_once: how many runs are in training at once.
    """

    name: str
    make: Callable[[int], Method]
    search: str
    ours: bool = False
    confirms: tuple[int, int] = (0, 0)
    package: str = ""
    at_once: int = AT_ONCE

    def named(self, trace: Trace, seeds: Seeds, budget: int) -> Named:
        """What it names the best after a budget of epochs, confirmation included."""
        candidates, most = self.confirms
        left = budget - candidates * most * EPOCHS
        if candidates and left > EPOCHS:
            return confirm(trace, seeds, left, candidates, most)
        point, value = trace.best(budget)
        return Named(point, value, spent=budget)


def _ours(search: str, method: str, *rule: Any, name: str = "", **more: Any) -> Way:
    return Way(
        name or search, lambda seed: Ours(sweep(method, rule), seed), search, ours=True, **more
    )


def _peer(name: str, make: Callable[[int], Method], package: str = "") -> Way:
    return Way(name, make, name, package=package)


WAYS = (
    _ours("random", "random"),
    _ours("bayes", "bayes"),
    _ours("random, hyperband min_iter 3", "random", *_STOP_LATER),
    _ours("random, hyperband min_iter 1", "random", *_STOP_EARLY),
    _ours("bayes, hyperband min_iter 1", "bayes", *_STOP_EARLY),
    _ours("random, asha", "random", *_PROMOTE),
    _ours("bayes, asha", "bayes", *_PROMOTE),
    _ours("bayes, asha", "bayes", *_PROMOTE, name=RECOMMENDED, confirms=(2, 3)),
    _ours("bayes, asha, one at once", "bayes", *_PROMOTE, at_once=1),
    _ours("bayes, asha, 32 at once", "bayes", *_PROMOTE, at_once=32),
    _peer("Optuna TPE", lambda seed: peers.OptunaTpe(seed, pruner=False)),
    _peer("Optuna TPE, HyperbandPruner", lambda seed: peers.OptunaTpe(seed, pruner=True)),
    _peer("W&B bayes", lambda seed: peers.Wandb(seed, "bayes", stops=False), "sweeps"),
    _peer(
        "W&B random, hyperband min_iter 1",
        lambda seed: peers.Wandb(seed, "random", stops=True),
        "sweeps",
    ),
    _peer("DEHB", peers.Dehb, "dehb"),
)
