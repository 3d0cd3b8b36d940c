"""The second phase of a local sweep: the best configurations are trained over new seeds."""

from __future__ import annotations

import functools
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from dlsweep.sweep.file import Config
from dlsweep.sweep.search import Comparison, affordable
from dlsweep.sweep.study import (
    SEED,
    Run,
    Study,
    StudyTable,
    candidates_of,
    points_of,
    with_seed,
)

NO_SEED = "which parameter is the program's seed is not known; --seed-parameter NAME says it"
"""Why a sweep of a program has no confirmation."""

_log = logging.getLogger("dlsweep.sweep")


@dataclass(frozen=True)
class ConfirmOptions:
    """How the best configurations of a sweep are confirmed.

    Attributes:
        candidates: how many are trained over new seeds; 0 for none, None for as many as cost less
            than a tenth of the sweep.
        seeds: how many new seeds each gets at most; None to leave that to ``affordable``.
        parameter: the setting that is the seed: of a program, None where that is not known.
    """

    candidates: int | None = None
    seeds: int | None = None
    parameter: str | None = SEED


class Confirming:
    """Hands out runs with new seeds once the search is over; see ``search/_confirm.py``.

    All that it decides follows from the runs in the study, so that it goes on wherever it was
    interrupted.

    Args:
        study: open and owned by this process.
        options: how.
        notify: called with each line for the user, once.

    Attributes:
        done: whether there is nothing more to train.
    """

    def __init__(
        self,
        study: Study,
        options: ConfirmOptions,
        notify: Callable[[str], None] = _log.warning,
    ) -> None:
        self._study = study
        self._options = options
        self._notify = functools.cache(notify)
        self._waiting: deque[tuple[Config, int]] = deque()
        self.done = options.candidates == 0 or not study.sweep.metric.name

    def take(self, n: int) -> list[Run]:
        """Up to ``n`` runs to train; none as long as others run whose results decide."""
        if not self._waiting and not self.done and not self._study.open_runs:
            self._plan()
        chosen = [self._waiting.popleft() for _ in range(min(n, len(self._waiting)))]
        if not chosen:
            return []
        configs, numbers = zip(*chosen, strict=True)
        return self._study.add_runs(configs, "confirmation", numbers)

    def _plan(self) -> None:
        """Look at all results, and line up what is to be trained next."""
        table = self._study.table()
        most, seeds = affordable(_cost(table), self._options.candidates, self._options.seeds)
        if most and self._options.parameter is None:
            self._notify(f"the best are not confirmed: {NO_SEED}")
            most = 0
        parameter = self._options.parameter
        candidates = candidates_of(table, most, parameter) if most else []
        if len(candidates) < (1 if self._options.candidates else 2):
            self.done = True
            return
        more = Comparison(candidates, table.metric.goal).more_seeds(seeds)
        self.done = not more
        if more:
            which = f"{len(candidates)} best configurations" if len(candidates) > 1 else "best"
            self._notify(f"confirming the {which} over up to {seeds} new seeds each")
        points = {point.number: point for point in points_of(table, parameter)}
        name = str(parameter)
        new = {point: points[point].new_seeds(n, name) for point, n in more.items()}
        for place in range(max(more.values(), default=0)):
            for point, its_seeds in new.items():
                if place < len(its_seeds):
                    config = with_seed(self._study.config(point), its_seeds[place], name)
                    self._waiting.append((config, point))


def _cost(table: StudyTable) -> float:
    """What the search has cost, in runs that are trained to their end."""
    searched = [row for row in table.rows if row.run_id and row.role in ("search", "repeat")]
    if table.sweep is None or table.sweep.early_terminate is None:
        return len(searched)
    lengths = [len(row.history) for row in searched]
    return sum(lengths) / max(lengths, default=1) if any(lengths) else float(len(lengths))
