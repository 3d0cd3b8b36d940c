"""The engine: a stack of runs, trained together epoch by epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from dlsweep.config import RunConfig
from dlsweep.data import Dataset
from dlsweep.training.learners import (
    Learner,
    Means,
    SklearnLearner,
    StateError,
    numpy_learner,
    torch_learner,
)
from dlsweep.training.planning import stack_key, standing
from dlsweep.training.stack._results import (
    DIVERGED,
    EARLY_STOPPED,
    FINISHED,
    EpochMetrics,
    Evaluation,
    RunResult,
)
from dlsweep.training.stack._schedules import SCHEDULES
from dlsweep.training.stack._state import StackState, check_identity, identity

BACKENDS: dict[str, Callable[[Sequence[RunConfig], Dataset], Learner]] = {
    "torch": torch_learner,
    "numpy": numpy_learner,
    "sklearn": SklearnLearner,
}
"""Each makes a learner from configurations and data."""


Judge = Callable[[Mapping[int, EpochMetrics]], Mapping[int, str]]
"""Hears what an epoch brought, by member, and says who is to leave now, with which status."""


@dataclass(frozen=True)
class EpochEnd:
    """What an epoch of a stack brought, by each member's place in the list of configurations.

    Attributes:
        metrics: of every member that trained.
        results: of those whose training is over; they have left the stack.
    """

    metrics: dict[int, EpochMetrics]
    results: dict[int, RunResult]


@dataclass
class _Member:
    """A run while it is in the stack."""

    index: int
    config: RunConfig
    first: int
    """The first epoch in which the classification is trained."""
    history: list[EpochMetrics] = field(default_factory=list)
    best_epoch: int = 0
    stop_as: str | None = None

    def status(self) -> str | None:
        """How the run has ended, or None while it goes on."""
        last = self.history[-1]
        if not last.is_finite():
            return DIVERGED
        if last.epoch >= self.config.epochs:
            return FINISHED
        patience = self.config.early_stopping
        best = max(self.best_epoch, self.first - 1)
        if patience is not None and last.epoch - best >= patience:
            return EARLY_STOPPED
        return self.stop_as

    def is_best(self) -> bool:
        """Whether the last epoch is the best so far."""
        *before, last = self.history
        if not np.isfinite(last.val_loss):
            return False
        best = self.best_epoch
        if best == 0 or last.epoch == self.first:
            return True
        return last.val_accuracy > before[best - 1].val_accuracy


class Stack:
    """K runs trained together. A run alone is a stack of one.

    Every member gets the result that it would get alone. A member leaves when its epochs are over,
    when it stops early, when its loss is no longer finite, or when ``stop`` says so; the others go
    on. Iterate to train::

        for end in Stack([config], data):
            print(end.metrics, end.results)

    Args:
        configs: the members' configurations, all with one ``stack_key``.
        data: what to train on, where to train, and in which precision: its tensors' device and
            floating-point type are the stack's.
        state: what ``state`` gave for a stack of the same configurations; this one goes on at the
            next epoch as that one would have, bit for bit on the same kind of machine.
        judge: asked after every epoch which members are to leave with it.

    Raises:
        ValueError: for configurations that may not share a stack.
        StateError: where the state is not that of such a stack, or of other versions.
    """

    def __init__(
        self,
        configs: Sequence[RunConfig],
        data: Dataset,
        *,
        state: StackState | None = None,
        judge: Judge | None = None,
    ) -> None:
        device = data.train.images.device.type
        if len({stack_key(config, device) for config in configs}) != 1:
            raise ValueError("these configurations cannot share a stack")
        order = standing(configs, device)
        self._data = data
        self._identity = identity(configs, data)
        if state is not None:
            check_identity(state.facts["identity"], self._identity)
        self._judge = judge
        ordered = [configs[i] for i in order]
        self._learner = BACKENDS[configs[0].backend](ordered, data)
        epochs = range(1, max(config.epochs for config in configs) + 1)
        classifies = (e for e in epochs if self._learner.objective(e).classification > 0)
        first = next(classifies, 1)
        self._members = [_Member(i, configs[i], first) for i in order]
        self._epoch = 0
        if state is not None:
            self._restore(state)

    @property
    def active(self) -> list[int]:
        """The members still in the stack, by their places in the list of configurations."""
        return sorted(member.index for member in self._members)

    @property
    def histories(self) -> dict[int, list[EpochMetrics]]:
        """The epochs so far of the members still in the stack, by their places."""
        return {member.index: list(member.history) for member in self._members}

    def state(self) -> StackState:
        """The stack as it is now, between two epochs; members that have left are not in it."""
        members = [
            {
                "index": member.index,
                "history": [metrics.as_dict() for metrics in member.history],
                "best_epoch": member.best_epoch,
                "stop_as": member.stop_as,
            }
            for member in self._members
        ]
        facts = {
            "identity": self._identity,
            "epoch": self._epoch,
            "members": members,
        }
        return StackState(facts, self._learner.state())

    def _restore(self, state: StackState) -> None:
        stored = {facts["index"]: facts for facts in state.facts["members"]}
        stay = [row for row, member in enumerate(self._members) if member.index in stored]
        if not stay or len(stay) != len(stored):
            raise StateError("other members than the stack's")
        if list(stored) != [self._members[row].index for row in stay]:
            raise StateError("its members in another order than the stack's")  # so are its rows
        if len(stay) < len(self._members):
            self._members = [self._members[row] for row in stay]
            self._learner.keep(stay)
        for member in self._members:
            facts = stored[member.index]
            member.history = [EpochMetrics.restore(logged) for logged in facts["history"]]
            member.best_epoch = facts["best_epoch"]
            member.stop_as = facts["stop_as"]
        self._epoch = state.facts["epoch"]
        self._learner.restore(state.arrays)

    def release(self, places: Collection[int]) -> None:
        """Let members go without a result, between two epochs; at least one must stay."""
        stay = [row for row, member in enumerate(self._members) if member.index not in places]
        if len(stay) < len(self._members):
            self._members = [self._members[row] for row in stay]
            self._learner.keep(stay)

    def stop(self, index: int, status: str) -> None:
        """Let a member leave at the end of its next epoch, with this status; others go on."""
        for member in self._members:
            if member.index == index:
                member.stop_as = status

    def __iter__(self) -> Iterator[EpochEnd]:
        """Train until no member is left; yields after every epoch."""
        while self._members:
            yield self._run_epoch()

    def _run_epoch(self) -> EpochEnd:
        self._epoch += 1
        began = time.perf_counter()
        rates = np.array(
            [SCHEDULES[m.config.lr_schedule](m.config, self._epoch) for m in self._members]
        )
        train = self._learner.train_epoch(self._epoch, rates)
        val = self._learner.validate()
        seconds = (time.perf_counter() - began) / len(self._members)
        batches = train.batches
        for row, member in enumerate(self._members):
            member.history.append(
                EpochMetrics(
                    self._epoch,
                    float(train.loss[row]),
                    float(train.accuracy[row]),
                    float(val.loss[row]),
                    float(val.accuracy[row]),
                    float(rates[row]),
                    seconds,
                    self._own_losses(row, train=train, val=val),
                    _within_epoch(member, None if batches is None else batches[row]),
                )
            )
        best = [row for row, member in enumerate(self._members) if member.is_best()]
        for row in best:
            self._members[row].best_epoch = self._epoch
        if best:
            self._learner.remember(best)
        metrics = {member.index: member.history[-1] for member in self._members}
        if self._judge is not None:
            for index, status in self._judge(metrics).items():
                self.stop(index, status)
        return EpochEnd(metrics, self._leave())

    def _own_losses(self, row: int, **splits: Means) -> dict[str, float]:
        """What the module of a member has for a loss of its own, by the names it is logged by."""
        return {
            f"{split}_{self._learner.auxiliary}": float(means.auxiliary[row])
            for split, means in splits.items()
            if means.auxiliary is not None
        }

    def _leave(self) -> dict[int, RunResult]:
        """The results of the members that are done; they leave the stack."""
        done = {
            row: status
            for row, member in enumerate(self._members)
            if (status := member.status()) is not None
        }
        results = {self._members[row].index: self._result(row, done[row]) for row in done}
        if done:
            stay = [row for row in range(len(self._members)) if row not in done]
            self._members = [self._members[row] for row in stay]
            if stay:
                self._learner.keep(stay)
        return results

    def _result(self, row: int, status: str) -> RunResult:
        member = self._members[row]
        return RunResult(
            config=member.config,
            status=status,
            history=tuple(member.history),
            best_epoch=member.best_epoch,
            parameters=self._learner.parameters(row),
            val=self._evaluation(row, "val"),
            test=self._evaluation(row, "test"),
            weights=self._learner.best_weights(row),
        )

    def _evaluation(self, row: int, split: str) -> Evaluation:
        loss, predictions, probabilities, own = self._learner.recall(row, split)
        labels = getattr(self._data, split).labels.cpu().numpy()
        accuracy = float((predictions == labels).mean())
        more = {} if own is None else {str(self._learner.auxiliary): own}
        return Evaluation(loss, accuracy, probabilities, labels, predictions, more)


def _within_epoch(member: _Member, losses: np.ndarray | None) -> tuple[tuple[int, float], ...]:
    """The mean loss of every ``log_every`` steps of an epoch, and of those left at its end.

    Args:
        member: its history is that before the epoch.
        losses: of each step of the epoch; None where they are not known.
    """
    every = member.config.log_every
    if not every or losses is None:
        return ()
    before = member.history[-1].steps[-1][0] if member.history else 0
    return tuple(
        (before + min(start + every, len(losses)), float(losses[start : start + every].mean()))
        for start in range(0, len(losses), every)
    )


def train_stack(configs: Sequence[RunConfig], data: Dataset) -> list[RunResult]:
    """Train configurations that share a stack to the end; results in the order of ``configs``."""
    results: dict[int, RunResult] = {}
    for end in Stack(configs, data):
        results.update(end.results)
    return [results[i] for i in range(len(configs))]
