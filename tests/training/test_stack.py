"""The life of a run in the engine: epochs, the best of them, early stopping, divergence."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, precision_score, recall_score

from dlsweep.config import ConfigError
from dlsweep.data import load
from dlsweep.parts import BACKENDS
from dlsweep.training import BACKENDS as LEARNERS
from dlsweep.training import (
    DIVERGED,
    EARLY_STOPPED,
    FINISHED,
    Stack,
    choose_device,
    train_stack,
)
from dlsweep.training.learners._evaluation import EVALUATION_BYTES
from tests.training.helpers import (
    SMALL_CNN,
    assert_same_bits,
    assert_same_run,
    digits,
    small,
    train,
)

# --- The best epoch ------------------------------------------------------------------------------

# Rises, and falls again: its best epoch is neither the first nor the last.
WOBBLY = {"learning_rate": 0.2, "optimizer": "momentum", "hidden_size": 9, "seed": 1}


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_result_is_that_of_the_best_epoch(backend):
    config = small(**WOBBLY, epochs=9, backend=backend)
    result = train(config, digits())
    accuracies = [m.val_accuracy for m in result.history]
    assert result.best_epoch == accuracies.index(max(accuracies)) + 1
    assert 1 < result.best_epoch < 9  # a test of the test
    best = result.history[result.best_epoch - 1]
    assert result.val.accuracy == best.val_accuracy
    assert result.val.loss == pytest.approx(best.val_loss, abs=1e-12)

    shorter = train(dataclasses.replace(config, epochs=result.best_epoch), digits())
    assert shorter.best_epoch == len(shorter.history)  # its best are its last weights
    for name, weight in shorter.weights.items():
        np.testing.assert_array_equal(result.weights[name], weight)
    assert result.test.loss == shorter.test.loss
    np.testing.assert_array_equal(result.test.probabilities, shorter.test.probabilities)
    longer = train(dataclasses.replace(config, epochs=result.best_epoch + 1), digits())
    np.testing.assert_array_equal(longer.weights["output.weight"], result.weights["output.weight"])


def test_running_statistics_are_those_of_the_best_epoch_too():
    config = small(**WOBBLY | {"learning_rate": 0.5, "seed": 2}, epochs=9, batch_norm=True)
    result = train(config, digits())
    assert result.best_epoch < 9
    steps = result.weights["hidden.0.norm.num_batches_tracked"]
    assert steps == 5 * result.best_epoch
    shorter = train(dataclasses.replace(config, epochs=result.best_epoch), digits())
    for name, weight in shorter.weights.items():
        np.testing.assert_array_equal(result.weights[name], weight)


@pytest.mark.parametrize("backend", BACKENDS)
def test_of_equal_epochs_the_first_is_the_best(backend):
    result = train(small(learning_rate=0.0, epochs=4, backend=backend), digits())
    assert len({m.val_accuracy for m in result.history}) == 1
    assert result.best_epoch == 1
    assert result.status == FINISHED


# --- Early stopping ------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("patience", [1, 2, 5])
def test_stops_after_exactly_patience_epochs_without_a_better_one(patience, backend):
    config = small(learning_rate=0.0, epochs=9, early_stopping=patience, backend=backend)
    result = train(config, digits())
    assert result.status == EARLY_STOPPED
    assert len(result.history) == 1 + patience
    assert result.best_epoch == 1


@pytest.mark.parametrize("patience", [1, 2, 3, 4, 11])
def test_patience_starts_anew_with_every_better_epoch(patience):
    config = small(**WOBBLY, epochs=12)
    accuracies = [m.val_accuracy for m in train(config, digits()).history]
    stops, best = 12, 0
    for epoch in range(1, 13):
        if best == 0 or accuracies[epoch - 1] > accuracies[best - 1]:
            best = epoch
        if epoch - best >= patience:
            stops = epoch
            break
    result = train(dataclasses.replace(config, early_stopping=patience), digits())
    assert len(result.history) == stops
    assert result.best_epoch == best
    assert result.status == (EARLY_STOPPED if stops < 12 else FINISHED)


def test_patience_that_ends_with_the_epochs_is_a_finished_run():
    result = train(small(learning_rate=0.0, epochs=3, early_stopping=2), digits())
    assert (result.status, len(result.history)) == (FINISHED, 3)


def test_no_better_accuracy_but_a_better_loss_does_not_count():
    config = small(optimizer="sgd", learning_rate=1e-7, epochs=5, early_stopping=2)
    result = train(config, digits())
    losses = [m.val_loss for m in result.history]
    assert losses == sorted(losses, reverse=True)
    assert (result.status, len(result.history)) == (EARLY_STOPPED, 3)


# --- Divergence ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_that_diverges_is_reported_with_its_history(backend, dtype):
    config = small(
        optimizer="sgd",
        lr_schedule="step",
        step_size=2,
        gamma=1e300 if dtype == torch.float64 else 1e36,
        epochs=6,
        backend=backend,
    )
    result = train(config, digits(96, dtype))
    assert result.status == DIVERGED
    assert len(result.history) == 3
    *before, last = result.history
    assert all(np.isfinite(m.train_loss) and np.isfinite(m.val_loss) for m in before)
    assert not (np.isfinite(last.train_loss) and np.isfinite(last.val_loss))
    # The model is that of the best epoch before.
    assert result.best_epoch in (1, 2)
    assert result.val.accuracy == before[result.best_epoch - 1].val_accuracy
    assert all(np.isfinite(w).all() for w in result.weights.values())
    assert np.isfinite(result.test.loss)
    assert 0 <= result.test.accuracy <= 1
    assert result.summary()["status"] == "diverged"


@pytest.mark.parametrize("settings", [{}, {"batch_norm": True}, SMALL_CNN], ids=str)
def test_a_run_that_diverges_at_once(settings):
    config = small(optimizer="sgd", learning_rate=1e300, weight_decay=1e10, epochs=3, **settings)
    result = train(config, digits())
    assert (result.status, result.best_epoch, len(result.history)) == (DIVERGED, 0, 1)
    assert np.isfinite(result.val.loss)
    assert result.val.confusion().sum() == 144


# --- Odd sizes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, SMALL_CNN], ids=["feedforward", "cnn"])
@pytest.mark.parametrize("count", [1, 3])
def test_a_last_batch_of_one_image_with_batch_norm(count, settings):
    """It has no variance; the engine leaves it out, and counts what it trained on."""
    configs = [small(batch_norm=True, epochs=2, seed=i, **settings) for i in range(count)]
    results = train_stack(configs, digits(81))
    for result in results:
        assert result.status == FINISHED
        assert result.weights["hidden.0.norm.num_batches_tracked"] == 4 * result.best_epoch
        # Fractions of the 80 images that were trained on.
        assert (result.history[0].train_accuracy * 80) % 1 == pytest.approx(0, abs=1e-9)


def test_without_batch_norm_the_last_batch_of_one_image_counts():
    result = train(small(learning_rate=0.0), digits(81))
    initial = train(small(learning_rate=0.0, batch_size=81), digits(81))
    assert result.history[0].train_loss == pytest.approx(initial.history[0].train_loss, abs=1e-12)


@pytest.mark.parametrize("settings", [{}, SMALL_CNN, {"batch_norm": True}], ids=str)
def test_fewer_images_than_a_batch(settings):
    a = train(small(batch_size=500, epochs=2, **settings), digits(30))
    b = train(small(batch_size=30, epochs=2, **settings), digits(30))
    assert a.status == FINISHED
    assert_same_run(a, b)


@pytest.mark.parametrize("settings", [{}, SMALL_CNN | {"num_layers": 0}], ids=["linear", "cnn"])
@pytest.mark.parametrize("more", [{}, {"batch_norm": True, "dropout": 0.5}], ids=["plain", "all"])
def test_no_hidden_layers(settings, more):
    result = train(small(**{"num_layers": 0} | settings | more, epochs=2), digits())
    assert result.status == FINISHED
    if not settings:
        assert result.parameters == 65 * 10
        assert list(result.weights) == ["output.weight", "output.bias"]


def test_splits_larger_than_what_is_evaluated_at_once(monkeypatch):
    expected = train(small(), digits())
    monkeypatch.setitem(EVALUATION_BYTES, "cpu", 8 * 64 * 50)
    assert_same_run(train(small(), digits()), expected)


# --- The stack -----------------------------------------------------------------------------------


def test_members_with_epochs_of_their_own_leave_in_turn():
    epochs = [3, 1, 2, 3]
    configs = [
        small(epochs=e, seed=i, optimizer=o)
        for i, (e, o) in enumerate(zip(epochs, ("sgd", "nadam", "adam", "adam"), strict=True))
    ]
    stack = Stack(configs, digits())
    assert stack.active == [0, 1, 2, 3]
    seen = []
    for end in stack:
        seen.append((sorted(end.metrics), sorted(end.results), stack.active))
        assert all(end.metrics[i] is end.results[i].history[-1] for i in end.results)
    assert seen == [
        ([0, 1, 2, 3], [1], [0, 2, 3]),
        ([0, 2, 3], [2], [0, 3]),
        ([0, 3], [0, 3], []),
    ]
    assert list(stack) == []


def test_results_come_in_the_order_of_the_configurations():
    configs = [small(optimizer=o, seed=i) for i, o in enumerate(("sgd", "adam", "nadam", "adam"))]
    assert [r.config for r in train_stack(configs, digits())] == configs


def test_a_member_that_is_stopped_leaves_after_its_next_epoch():
    stack = Stack([small(epochs=5), small(epochs=5, seed=1)], digits())
    ends = iter(stack)
    next(ends)
    stack.stop(1, "pruned")
    end = next(ends)
    assert end.results[1].status == "pruned"
    assert len(end.results[1].history) == 2
    assert stack.active == [0]
    stack.stop(1, "again")  # it has left: nothing happens
    rest = list(ends)
    assert rest[-1].results[0].status == FINISHED
    assert len(rest) == 3


def test_a_run_that_ends_by_itself_is_not_called_stopped():
    stack = Stack([small(epochs=1)], digits())
    stack.stop(0, "pruned")
    (end,) = stack
    assert end.results[0].status == FINISHED


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_training_that_is_watched_is_the_same_as_one_that_is_not(backend):
    config = small(epochs=3, backend=backend)
    *_, end = Stack([config], digits())
    assert_same_bits(end.results[0], train(config, digits()))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("seed", range(3))
def test_the_best_accuracy_is_that_of_the_curve_where_images_are_hardly_told_apart(
    backend, dtype, seed
):
    """Then probabilities are equal where logits are not."""
    config = small(
        num_layers=10,
        activation="identity",
        weight_init="random",
        optimizer="sgd",
        learning_rate=1e-6,
        batch_norm=False,
        dropout=0.0,
        backend=backend,
        seed=seed,
    )
    result = train(config, digits(300, dtype))
    best = result.history[result.best_epoch - 1]
    assert result.summary()["best_val_accuracy"] == best.val_accuracy
    assert np.trace(result.val.confusion()) == round(best.val_accuracy * len(result.val.labels))


def test_a_result_is_shown_in_one_line():
    result = train(small(epochs=2), digits(96))
    shown = repr(result)
    assert len(shown) < 200
    assert "\n" not in shown
    for name in ("status='finished'", f"best_epoch={result.best_epoch}", "weights"):
        assert name in shown
    for split in ("val", "test"):
        assert f"{split}.accuracy={getattr(result, split).accuracy:.4f}" in shown


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_what_a_result_is_made_of(backend, dtype):
    data = digits(96, dtype)
    result = train(small(epochs=2, backend=backend), data)
    numbers = {"float64": torch.float64, "float32": torch.float32}
    assert {numbers[str(w.dtype)] for w in result.weights.values()} == {dtype}
    assert result.parameters == sum(w.size for w in result.weights.values())
    scores = {"precision": precision_score, "recall": recall_score, "f1": f1_score}
    for split, answers in (("val", result.val), ("test", result.test)):
        labels = getattr(data, split).labels.numpy()
        assert answers.probabilities.dtype == np.float32
        assert answers.probabilities.shape == (len(labels), 10)
        np.testing.assert_allclose(answers.probabilities.sum(1), 1, atol=1e-5)
        np.testing.assert_array_equal(answers.labels, labels)
        assert answers.accuracy == np.mean(answers.predictions == labels)
        confusion = answers.confusion()
        assert np.trace(confusion) == round(answers.accuracy * len(labels))
        np.testing.assert_array_equal(confusion.sum(1), np.bincount(labels))
        for name, score in scores.items():
            theirs = score(labels, answers.predictions, average="macro", zero_division=0)
            assert result.summary()[f"{split}_{name}"] == pytest.approx(theirs, abs=1e-12)
    assert list(result.summary()) == [
        "best_val_accuracy",
        "best_epoch",
        "test_loss",
        "test_accuracy",
        *(f"{split}_{name}" for split in ("val", "test") for name in scores),
        "parameters",
        "status",
    ]
    assert list(result.history[0].as_dict()) == [
        "epoch",
        "train_loss",
        "train_accuracy",
        "val_loss",
        "val_accuracy",
        "learning_rate",
        "seconds",
    ]
    for metrics in result.history:
        assert all(type(v) is float for k, v in metrics.as_dict().items() if k != "epoch")
        assert type(metrics.epoch) is int
        assert metrics.seconds > 0


def test_results_are_copies_that_later_epochs_do_not_change():
    stack = Stack([small(epochs=1), small(epochs=3, seed=1)], digits())
    ends = iter(stack)
    result = next(ends).results[0]
    before = {name: weight.copy() for name, weight in result.weights.items()}
    list(ends)
    for name, weight in before.items():
        np.testing.assert_array_equal(result.weights[name], weight)


def test_training_does_not_change_the_data():
    data = load("digits", train_size=96, dtype=torch.float64)
    train_stack([small(dropout=0.5), small(seed=1, dropout=0.2)], data)
    train(small(backend="numpy"), data)
    for split in ("train", "val", "test"):
        assert torch.equal(getattr(data, split).images, getattr(digits(), split).images)
        assert torch.equal(getattr(data, split).labels, getattr(digits(), split).labels)


def test_it_learns():
    config = small(epochs=12, hidden_size=32, batch_size=32, learning_rate=0.005)
    result = train(config, load("digits"))
    assert result.test.accuracy > 0.92
    assert result.history[-1].train_loss < result.history[0].train_loss / 5


def test_backends_are_the_choices():
    assert LEARNERS.keys() == BACKENDS.keys()


# --- Devices -------------------------------------------------------------------------------------


def test_choose_device():
    assert choose_device("cpu") == torch.device("cpu")
    auto = "cuda" if torch.cuda.is_available() else "cpu"
    assert choose_device("auto").type == auto
    with pytest.raises(ConfigError, match="not there"):
        choose_device("cuda:99")


@pytest.mark.gpu
@pytest.mark.parametrize(
    "settings", [{}, SMALL_CNN | {"batch_norm": True, "dropout": 0.3}], ids=str
)
def test_on_a_gpu(settings):
    configs = [small(seed=i, optimizer=o, **settings) for i, o in enumerate(("adam", "sgd"))]
    for on_gpu, on_cpu in zip(
        train_stack(configs, digits().to("cuda")), train_stack(configs, digits()), strict=True
    ):
        assert_same_run(on_gpu, on_cpu)
