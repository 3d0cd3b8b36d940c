"""The from-scratch network and the engine are the same computation, in every combination."""

import numpy as np
import pytest

import dlsweep.scratch
from dlsweep.config import ConfigError
from dlsweep.parts import ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS
from tests.training.helpers import DATA, assert_same_run, digits, small, train

SETTINGS = {
    "momentum": 0.8,
    "beta": 0.95,
    "beta1": 0.85,
    "beta2": 0.99,
    "epsilon": 1e-6,
    "weight_decay": 0.03,
    "seed": 3,
}


def both(data, **settings):
    return [train(small(**SETTINGS | settings, backend=b), data) for b in ("numpy", "torch")]


COMBINATIONS = sorted(
    {(o, loss, "tanh", "xavier") for o in OPTIMIZERS for loss in LOSSES}
    | {("adam", loss, a, "he") for a in ACTIVATIONS for loss in LOSSES}
    | {("momentum", "cross_entropy", a, w) for a in ACTIVATIONS for w in INITIALIZERS}
)
"""Every pair of parts that meet: rules and losses at the gradient, layers at their inputs."""


@pytest.mark.parametrize(("optimizer", "loss", "activation", "weight_init"), COMBINATIONS)
def test_every_part(optimizer, loss, activation, weight_init):
    scratch, engine = both(
        digits(),
        optimizer=optimizer,
        loss=loss,
        activation=activation,
        weight_init=weight_init,
    )
    assert_same_run(scratch, engine)
    assert engine.status == "finished"
    assert engine.history[0].val_loss == pytest.approx(engine.val.loss, abs=1e-12)


@pytest.mark.parametrize("weight_init", INITIALIZERS)
@pytest.mark.parametrize("num_layers", [0, 1, 3])
def test_initial_weights_exactly(num_layers, weight_init):
    # A learning rate of 0 leaves the weights as they were.
    scratch, engine = both(
        digits(), learning_rate=0.0, weight_init=weight_init, num_layers=num_layers
    )
    assert len(engine.weights) == 2 * (num_layers + 1)
    for name, weight in engine.weights.items():
        np.testing.assert_array_equal(weight, scratch.weights[name])
        drawn = weight_init != "zeros" if name.endswith("weight") else weight_init == "torch"
        assert weight.any() == drawn


@pytest.mark.parametrize("settings", [{"label_smoothing": 0.2}, {"init_scale": 0.3}])
def test_settings_that_parts_bring(settings):
    given = {"weight_init": "random", "activation": "tanh", **settings}
    scratch, engine = both(digits(), **given)
    assert_same_run(scratch, engine)
    assert (
        engine.val.loss
        != train(small(**SETTINGS | given | dict.fromkeys(settings, 0.1)), digits()).val.loss
    )


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_several_epochs_with_a_schedule_and_other_sizes(optimizer, name):
    scratch, engine = both(
        DATA[name](),
        optimizer=optimizer,
        epochs=3,
        lr_schedule="step",
        step_size=1,
        gamma=0.3,
        num_layers=3,
        hidden_size=[9, 5, 8],
        activation="tanh",
    )
    assert_same_run(scratch, engine)
    assert len(engine.history) == 3


@pytest.mark.parametrize("batch_size", [1, 95, 96, 1000])
def test_batch_sizes(batch_size):
    assert_same_run(*both(digits(), batch_size=batch_size))


def test_both_report_a_run_that_diverges():
    scratch, engine = both(digits(), optimizer="sgd", learning_rate=1e300, epochs=3)
    assert scratch.status == engine.status == "diverged"
    assert scratch.best_epoch == engine.best_epoch == 0
    assert len(scratch.history) == len(engine.history) == 1
    for name, weight in engine.weights.items():  # those it began with
        np.testing.assert_array_equal(weight, scratch.weights[name])
        assert np.isfinite(weight).all()


@pytest.mark.parametrize(
    ("setting", "name", "table"),
    [
        ("activation", "gelu", "ACTIVATIONS"),
        ("optimizer", "adamw", "OPTIMIZERS"),
        ("loss", "mean_squared_error", "LOSSES"),
        ("weight_init", "he", "INITIALIZERS"),
    ],
)
def test_what_was_not_written_from_scratch_is_refused_in_one_line(
    setting, name, table, monkeypatch
):
    monkeypatch.delitem(getattr(dlsweep.scratch, table), name)
    with pytest.raises(ConfigError, match=f"^{setting}: backend numpy has no {name}; use backend"):
        train(small(backend="numpy", **{setting: name}), digits())
