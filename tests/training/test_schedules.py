"""The learning rates of torch.optim.lr_scheduler."""

import pytest
import torch
from torch.optim import lr_scheduler

from dlsweep.config.choices import LR_SCHEDULES
from dlsweep.training import SCHEDULES, train_stack
from tests.training.helpers import assert_same_run, digits, small, train

CASES = [
    ({"lr_schedule": "constant"}, lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
    (
        {"lr_schedule": "step", "step_size": 5, "gamma": 0.1},
        lambda o: lr_scheduler.StepLR(o, 5, 0.1),
    ),
    (
        {"lr_schedule": "step", "step_size": 1, "gamma": 0.7},
        lambda o: lr_scheduler.StepLR(o, 1, 0.7),
    ),
    (
        {"lr_schedule": "step", "step_size": 99, "gamma": 0.1},
        lambda o: lr_scheduler.StepLR(o, 99, 0.1),
    ),
    ({"lr_schedule": "cosine"}, lambda o: lr_scheduler.CosineAnnealingLR(o, 12)),
]


@pytest.mark.parametrize(("settings", "make"), CASES)
def test_equals_torchs_scheduler(settings, make):
    config = small(**settings, epochs=12, learning_rate=0.3)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    scheduler = make(optimizer)
    for epoch in range(1, 13):
        rate = SCHEDULES[config.lr_schedule](config, epoch)
        assert rate == pytest.approx(scheduler.get_last_lr()[0], rel=1e-12, abs=1e-15)
        optimizer.step()
        scheduler.step()


def test_every_choice_has_a_schedule_and_a_case():
    assert list(SCHEDULES) == list(LR_SCHEDULES)
    assert {settings["lr_schedule"] for settings, _ in CASES} == set(SCHEDULES)


def test_history_tells_the_rate_of_each_epoch():
    config = small(epochs=3, lr_schedule="step", step_size=1, gamma=0.5, learning_rate=0.4)
    result = train(config, digits())
    assert [m.learning_rate for m in result.history] == [0.4, 0.2, 0.1]


def test_a_rate_beyond_all_numbers_is_that_runs_own_affair():
    wild = small(lr_schedule="step", step_size=1, gamma=1e200, epochs=3)
    calm = small(epochs=3, seed=1)
    results = train_stack([wild, calm], digits())
    assert results[0].status == "diverged"
    assert_same_run(results[1], train(calm, digits()))


def test_a_rate_of_zero_stays_zero():
    wild = small(learning_rate=0, lr_schedule="step", step_size=1, gamma=1e200, epochs=3)
    result = train(wild, digits())
    assert [m.learning_rate for m in result.history] == [0, 0, 0]
    assert result.status == "finished"
