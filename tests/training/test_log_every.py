"""``log_every``: the training loss within epochs, and nothing else, changes."""

from __future__ import annotations

import numpy as np
import pytest

from dlsweep.config import RunConfig
from dlsweep.data import load
from dlsweep.training import EpochMetrics, RunResult, Stack, train_stack

TINY = {"dataset": "digits", "epochs": 2, "hidden_size": 8, "num_layers": 1, "batch_size": 100}
CNN = {"model": "cnn", "conv_layers": "2x3x3", "hidden_size": 4}


def trained(*changes: dict[str, object]) -> list[RunResult]:
    return train_stack([RunConfig(**{**TINY, **change}) for change in changes], load("digits"))


@pytest.mark.parametrize("more", [{}, CNN, {"backend": "numpy"}, {"backend": "sklearn"}], ids=str)
def test_the_loss_of_every_step_is_logged_and_nothing_else_changes(more: dict[str, object]):
    [plain], [every] = trained(more), trained({**more, "log_every": 1})
    rows = [epoch.as_dict() for epoch in every.history]
    assert all(row.keys() - {"step_loss"} == plain.history[0].as_dict().keys() for row in rows)
    for before, after in zip(plain.history, every.history, strict=True):
        assert before.steps == ()
        assert before.train_loss == after.train_loss
        assert before.val_loss == after.val_loss
    steps = [step for epoch in every.history for step, _ in epoch.steps]
    assert steps == [*range(1, 27)]  # 13 batches an epoch
    sizes = np.array([100] * 12 + [len(load("digits").train) - 1200])
    for epoch in every.history:
        losses = np.array([loss for _, loss in epoch.steps])
        assert (losses * sizes).sum() / sizes.sum() == pytest.approx(epoch.train_loss, rel=1e-6)
        assert EpochMetrics.restore(epoch.as_dict()) == epoch


def test_members_of_a_stack_log_as_often_as_each_asks_for():
    changes = [{"log_every": 5}, {"seed": 1}, {"log_every": 20, "seed": 2, "learning_rate": 0.1}]
    together = trained(*changes)
    alone = [trained(change)[0] for change in changes]
    for one, other in zip(together, alone, strict=True):
        assert [[step for step, _ in epoch.steps] for epoch in one.history] == [
            [step for step, _ in epoch.steps] for epoch in other.history
        ]
        for epoch, same in zip(one.history, other.history, strict=True):
            losses, expected = ([loss for _, loss in e.steps] for e in (epoch, same))
            assert losses == pytest.approx(expected, rel=1e-5)
    first, none, last = together
    assert [step for step, _ in first.history[1].steps] == [18, 23, 26]
    assert all(epoch.steps == () for epoch in none.history)
    assert [step for step, _ in last.history[1].steps] == [26]


def test_a_stack_that_goes_on_counts_on():
    config = RunConfig(**TINY, log_every=6)
    data = load("digits")
    stack = Stack([config], data)
    next(iter(stack))
    state = stack.state()
    [end] = Stack([config], data, state=state)
    [whole] = train_stack([config], data)
    assert end.results[0].history[1].steps == whole.history[1].steps
