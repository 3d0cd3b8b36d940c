"""Settings that are allowed and hardly can be meant get a notice, and others none."""

from __future__ import annotations

from typing import Any

import pytest

from dlsweep.config import RunConfig
from dlsweep.training._doubts import doubts


def said(images: int | None = 1000, **settings: Any) -> list[str]:
    config = RunConfig(**settings)
    return doubts({name: (value,) for name, value in config.values().items()}, images)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            {"batch_size": 4096},
            "batch_size: 4,096 is more than the 1,000 training images: an epoch is one step",
        ),
        (
            {"learning_rate": 100, "optimizer": "sgd"},
            "learning_rate: 100 is far above what is usual, and will hardly train: sgd 0.01 to 0.5",
        ),
        (
            {"learning_rate": 1},
            "learning_rate: 1 is far above what is usual, and will hardly train: adam 0.0001 to "
            "0.01",
        ),
        ({"learning_rate": 0}, "learning_rate: 0 trains nothing"),
        (
            {"early_stopping": 10, "epochs": 10},
            "early_stopping: 10 epochs without progress never come in 10",
        ),
        (
            {"lr_schedule": "step", "step_size": 5, "epochs": 5},
            "step_size: the learning rate never falls within 5 epochs",
        ),
        (
            {"dropout": 0.95},
            "dropout: 0.95 drops nearly all that a layer gives; usual are 0.1 to 0.5",
        ),
    ],
)
def test_doubtful_values_get_a_notice(settings: dict[str, Any], line: str) -> None:
    assert said(**settings) == [line]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"batch_size": 1000},
        {"learning_rate": 5, "optimizer": "sgd"},
        {"learning_rate": 1.0, "optimizer": "adadelta"},
        {"early_stopping": 3},
        {"step_size": 50},  # of a schedule that is not used
        {"dropout": 0.5},
    ],
)
def test_usual_values_get_none(settings: dict[str, Any]) -> None:
    assert said(**settings) == []


def test_the_size_of_the_data_may_be_unknown() -> None:
    assert said(None, batch_size=10**6) == []
