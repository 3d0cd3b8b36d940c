"""Optuna's distributions for a space's axes, and its TPE sampler behind ``bayes``."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from dlsweep.sweep.file import EDGE, Axis, Categorical, Continuous, Coordinates, IntUniform

STARTUP = 10
"""How many results there are, of points drawn at random, before TPE is used (Optuna's default)."""
MOST = 1000
"""How many trials TPE learns from at most: what a proposal costs is proportional to it."""
_BEST = 25
"""The best of them are always kept: more are not in TPE's group of good ones (Optuna's default)."""


Values = tuple[float, ...]
"""The metrics of a point, one or several."""


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna without its log lines and its warnings about experimental arguments."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def optuna_distribution(axis: Axis) -> BaseDistribution:
    """How Optuna sees an axis: as its own distribution, or as a quantile in (0, 1)."""
    d = axis.distribution
    if isinstance(d, Categorical):
        return CategoricalDistribution(tuple(axis.choices))
    if isinstance(d, IntUniform):
        return IntDistribution(d.min, d.max)
    assert isinstance(d, Continuous)
    if not axis.natural:
        return FloatDistribution(EDGE, 1 - EDGE)
    return FloatDistribution(d.quantile(0), d.quantile(1), step=d.q, log="log" in d.law)


@dataclass
class _Point:
    coordinates: Coordinates
    state: TrialState
    values: Values | None
    epochs: int | None = None  # after which it was stopped, with its values then
    trial: int = -1  # its number in the copy


def _state(values: Values | None, stopped: int | None) -> TrialState:
    """What Optuna calls a point that has ended, and has not failed."""
    whole = values is not None and stopped is None
    return TrialState.COMPLETE if whole else TrialState.PRUNED


class Bayes:
    """The tree-structured Parzen estimator (Bergstra et al. 2011; multivariate, constant liar).

    With several metrics it is Optuna's for those (Ozaki et al. 2022): good points are those that
    few others beat in all of them.

    It works on a copy of the study in memory, so that a proposal costs no database access. The copy
    is made anew whenever it has ``MOST`` trials, without every second of those that have ended and
    are not among the best: most of the latest are there, and ever fewer of the earlier, to which
    TPE gives less weight anyway. So a proposal costs the same however many runs there are.

    Args:
        axes: what is searched.
        goals: of each metric: maximize or minimize.
        seed: of the sampler.
    """

    def __init__(self, axes: tuple[Axis, ...], goals: Sequence[str], seed: int) -> None:
        self._distributions = {axis.parameter: optuna_distribution(axis) for axis in axes}
        self._directions = [StudyDirection[goal.upper()] for goal in goals]
        self._seed = seed
        self._points: dict[int, _Point] = {}  # by ticket, in the order in which they came
        self._next_ticket = itertools.count()
        self._tickets: dict[int, int] = {}  # by the number in the sweep, of what is being trained
        self._study: optuna.Study | None = None  # the copy, made for the next proposal
        self._size, self._limit = 0, MOST  # of the copy
        self._results = 0

    @property
    def ready(self) -> bool:
        """Whether there are results enough to propose from."""
        return self._results >= STARTUP

    def propose(self) -> tuple[int, Coordinates]:
        """A point worth trying, with a ticket for ``add`` or ``refuse``."""
        with quiet():
            if self._study is None:
                self._study = self._copy()
            trial = self._study.ask(self._distributions)
        point = _Point(dict(trial.params), TrialState.RUNNING, None, trial=trial.number)
        return self._insert(point), point.coordinates

    def refuse(self, ticket: int) -> None:
        """The proposal will not be trained."""
        self._end(ticket, TrialState.FAIL, None)

    def add(self, number: int, coordinates: Coordinates, ticket: int | None = None) -> None:
        """A point that is being trained, with its ticket where it was proposed here."""
        if ticket is None and coordinates.keys() == self._distributions.keys():
            ticket = self._insert(_Point(coordinates, TrialState.RUNNING, None))
        if ticket is not None:
            self._tickets[number] = ticket

    def learn(
        self, coordinates: Coordinates, values: Values | None, stopped: int | None = None
    ) -> None:
        """A point that had ended before; see ``tell``."""
        if coordinates.keys() == self._distributions.keys():
            self._insert(_Point(coordinates, _state(values, stopped), values, stopped))
            self._results += 1

    def tell(
        self, number: int, values: Values | None, *, counts: bool, stopped: int | None = None
    ) -> None:
        """How a point ended: its metrics, or none.

        Without metrics, a point that ``counts`` (it diverged) is as bad as the worst, and one that
        does not (it failed for reasons of its own) is forgotten. One that was stopped early is
        worse than all that were not, and is compared with those that were stopped as late: the
        value after a few epochs is not one after all of them. (With several metrics Optuna compares
        only those that were not stopped.)

        Args:
            number: of the point in the sweep.
            values: of the metrics.
            counts: see above.
            stopped: after how many epochs it was stopped; None where it was not.
        """
        if number not in self._tickets:
            return
        fails = values is None and not counts
        state = TrialState.FAIL if fails else _state(values, stopped)
        ticket = self._tickets[number]
        if ticket not in self._points or self._points[ticket].state != TrialState.RUNNING:
            if ticket in self._points and not fails:  # it had paused, and has gone on since
                point = self._points[ticket]
                point.state, point.values, point.epochs = state, values, stopped
                self._study = None
            return
        self._end(ticket, state, values, stopped)
        self._results += not fails
        if stopped is None:
            del self._tickets[number]

    def _insert(self, point: _Point) -> int:
        """Add a point, also to the copy; returns its ticket."""
        ticket = next(self._next_ticket)
        self._points[ticket] = point
        if self._study is not None and point.trial < 0:
            point.trial = self._size
            self._study.add_trial(self._trial(point))
        self._size += 1
        if self._size >= self._limit:
            self._thin()
        return ticket

    def _end(
        self, ticket: int, state: TrialState, values: Values | None, stopped: int | None = None
    ) -> None:
        point = self._points[ticket]
        point.state, point.values, point.epochs = state, values, stopped
        if self._study is not None:
            pruned = state == TrialState.PRUNED
            with quiet():
                if stopped is None or not pruned:
                    self._study.tell(point.trial, None if pruned else values, state)
                else:  # only a trial that is added may say after which epoch its value was
                    self._study.tell(point.trial, state=TrialState.FAIL)
                    point.trial = self._size
                    self._study.add_trial(self._trial(point))
                    self._size += 1
        if state == TrialState.FAIL:
            del self._points[ticket]

    def _thin(self) -> None:
        """Drop the copy, and every second of the ended points but the best."""
        ended = [t for t, point in self._points.items() if point.state != TrialState.RUNNING]
        complete = [t for t in ended if self._points[t].state == TrialState.COMPLETE]
        sign = 1 if self._directions[0] == StudyDirection.MINIMIZE else -1
        complete.sort(key=lambda t: sign * (self._points[t].values or (0.0,))[0])
        others = sorted(set(ended) - set(complete[:_BEST]))
        if len(others) > MOST // 2:
            for ticket in others[-2::-2]:
                del self._points[ticket]
        if self._study is not None:
            self._study, self._seed = None, self._seed + 1
        self._size = len(self._points)
        self._limit = max(MOST, self._size + MOST // 2)

    def _copy(self) -> optuna.Study:
        """A study of Optuna's with all points."""
        sampler = optuna.samplers.TPESampler(
            multivariate=True, constant_liar=True, seed=self._seed % 2**32
        )
        study = optuna.create_study(directions=self._directions, sampler=sampler)
        self._size = len(self._points)
        for number, point in enumerate(self._points.values()):
            point.trial = number
            study.add_trial(self._trial(point))
        return study

    def _trial(self, point: _Point) -> FrozenTrial:
        pruned = point.state == TrialState.PRUNED
        values = {}
        if pruned and point.values and point.epochs is not None and len(self._directions) == 1:
            values = {point.epochs: point.values[0]}
        return create_trial(
            state=point.state,
            values=None if pruned else point.values,
            intermediate_values=values,
            params=point.coordinates,
            distributions=self._distributions,
        )
