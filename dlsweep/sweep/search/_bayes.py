"""Optuna's distributions for a space's axes, and its TPE sampler behind ``bayes``."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from dlsweep.sweep.file import EDGE, Axis, Categorical, Continuous, Coordinates, IntUniform

STARTUP = 10
"""How many results there are, of points drawn at random, before TPE is used (Optuna's default)."""


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


class Bayes:
    """The tree-structured Parzen estimator (Bergstra et al. 2011; multivariate, constant liar).

    It works on a copy of the study in memory, so that a proposal costs no database access.

    Args:
        axes: what is searched.
        goal: maximize or minimize.
        seed: of the sampler.
    """

    def __init__(self, axes: tuple[Axis, ...], goal: str, seed: int) -> None:
        self._distributions = {axis.parameter: optuna_distribution(axis) for axis in axes}
        with quiet():
            sampler = optuna.samplers.TPESampler(
                multivariate=True, constant_liar=True, seed=seed % 2**32
            )
            direction = StudyDirection[goal.upper()]
            self._study = optuna.create_study(direction=direction, sampler=sampler)
        self._trials: dict[int, int] = {}  # a point's number in the sweep -> in the copy
        self._count = 0  # of the copy's trials
        self._results = 0

    @property
    def ready(self) -> bool:
        """Whether there are results enough to propose from."""
        return self._results >= STARTUP

    def propose(self) -> tuple[int, Coordinates]:
        """A point worth trying, with a ticket for ``add`` or ``refuse``."""
        with quiet():
            trial = self._study.ask(self._distributions)
        self._count = trial.number + 1
        return trial.number, dict(trial.params)

    def refuse(self, ticket: int) -> None:
        """The proposal will not be trained."""
        with quiet():
            self._study.tell(ticket, state=TrialState.FAIL)

    def add(self, number: int, coordinates: Coordinates, ticket: int | None = None) -> None:
        """A point that is being trained, with its ticket where it was proposed here."""
        if ticket is None and coordinates.keys() == self._distributions.keys():
            ticket = self._add(coordinates, TrialState.RUNNING)
        if ticket is not None:
            self._trials[number] = ticket

    def learn(self, coordinates: Coordinates, value: float | None) -> None:
        """A point that had ended before: its value, or none where it diverged."""
        if coordinates.keys() == self._distributions.keys():
            state = TrialState.PRUNED if value is None else TrialState.COMPLETE
            self._add(coordinates, state, value)
            self._results += 1

    def tell(self, number: int, value: float | None, *, counts: bool) -> None:
        """How a point ended: its value, or none.

        Without a value, a point that ``counts`` (it diverged) is as bad as the worst, and one that
        does not (it failed for reasons of its own) is forgotten.
        """
        if number in self._trials:
            state = TrialState.PRUNED if counts else TrialState.FAIL
            with quiet():
                ticket = self._trials.pop(number)
                self._study.tell(ticket, value, state=state if value is None else None)
            self._results += value is not None or counts

    def _add(self, coordinates: Coordinates, state: TrialState, value: float | None = None) -> int:
        """Add a trial to the copy; returns its number there."""
        self._study.add_trial(
            create_trial(
                state=state, value=value, params=coordinates, distributions=self._distributions
            )
        )
        self._count += 1
        return self._count - 1
