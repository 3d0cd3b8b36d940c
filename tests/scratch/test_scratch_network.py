"""The parts of the network by themselves: gradients, initial weights, numerical range."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dlsweep.scratch
from dlsweep.scratch import (
    ACTIVATIONS,
    INITIALIZERS,
    LOSSES,
    Linear,
    Network,
    feedforward,
    log_softmax,
    random_normal,
)
from dlsweep.scratch.gradient_check import TOLERANCE, check_all, check_layer, check_network


def rng():
    return np.random.default_rng(0)


def test_gradients_are_finite_differences():
    checked = dict(check_all(rng()))
    for kind in ACTIVATIONS.values():
        assert f"layer {kind.__name__}" in checked
    assert len(checked) == 1 + len(ACTIVATIONS) + 3 + len(ACTIVATIONS)
    assert {name: e for name, e in checked.items() if not e < TOLERANCE} == {}


@pytest.mark.parametrize("loss", LOSSES)
def test_softmax_regression_has_the_right_gradient(loss):
    assert check_network(feedforward([6, 3], rng()), LOSSES[loss](), rng()) < TOLERANCE


def test_the_check_finds_a_wrong_gradient():
    class Wrong(Linear):
        def gradients(self, x, delta):
            weight, bias = super().gradients(x, delta)
            return [weight * 1.001, bias]

    class Backward(ACTIVATIONS["tanh"]):
        def backward(self, x, y, delta):
            return delta * (1 - y)

    x = rng().standard_normal((5, 4))
    assert check_layer(Wrong(*INITIALIZERS["he"](rng(), 4, 3)), x, rng()) > 100 * TOLERANCE
    assert check_layer(Backward(), x, rng()) > 100 * TOLERANCE
    wrong = Network([Wrong(*INITIALIZERS["he"](rng(), 4, 3))])
    assert check_network(wrong, LOSSES["cross_entropy"](), rng()) > 100 * TOLERANCE


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_derivative_at_zero_is_torchs(activation):
    torch = pytest.importorskip("torch")
    z = torch.zeros(1, requires_grad=True)
    getattr(torch.nn.functional, activation, lambda x: x)(z).backward()
    layer, x = ACTIVATIONS[activation](), np.zeros((1, 1))
    assert layer.backward(x, layer.forward(x), np.ones((1, 1))) == pytest.approx(z.grad.item())


def test_gradients_are_returned_and_leave_nothing_behind():
    network = feedforward([6, 5, 4, 3], rng(), activation="tanh")
    images, labels = rng().standard_normal((7, 6)), rng().integers(0, 3, 7)
    loss = LOSSES["cross_entropy"]()
    before = [p.copy() for p in network.parameters]

    def gradients():
        x = network.forward(images)
        return network.backward(x, loss.backward(x[-1], labels))

    once, again = gradients(), gradients()
    assert [g.shape for g in once] == [(6, 5), (5,), (5, 4), (4,), (4, 3), (3,)]
    for p, was, g, second in zip(network.parameters, before, once, again, strict=True):
        assert g.shape == p.shape
        assert np.abs(g).max() > 1e-3
        np.testing.assert_array_equal(g, second)
        np.testing.assert_array_equal(p, was)


def test_the_parameters_are_the_layers_own():
    network = feedforward([6, 5, 3], rng())
    first, _, last = network.layers
    for p, own in zip(network.parameters, [*first.parameters, *last.parameters], strict=True):
        p += 1
        assert p is own
    np.testing.assert_array_equal(network.parameters[1], np.ones(5))
    np.testing.assert_array_equal(first.forward(np.zeros((2, 6))), np.ones((2, 5)))


@pytest.mark.parametrize(
    ("name", "std", "largest", "bias"),
    [
        ("random", 0.05, np.inf, 0),
        ("xavier", np.sqrt(2 / (784 + 128)), np.sqrt(6 / (784 + 128)), 0),
        ("he", np.sqrt(2 / 784), np.inf, 0),
        ("torch", np.sqrt(1 / 784 / 3), np.sqrt(1 / 784), np.sqrt(1 / 784)),
        ("zeros", 0, 0, 0),
    ],
)
def test_initial_weights_have_the_papers_statistics(name, std, largest, bias):
    weights, biases = INITIALIZERS[name](rng(), 784, 128)
    assert weights.shape == (784, 128)
    assert biases.shape == (128,)
    assert weights.dtype == biases.dtype == np.float64
    assert weights.std() == pytest.approx(std, rel=0.01)
    assert abs(weights.mean()) <= 4 * std / np.sqrt(weights.size)
    assert np.abs(weights).max() <= largest
    assert np.abs(biases).max() <= bias
    if 0 < largest < np.inf:
        assert np.abs(weights).max() > 0.999 * largest
    if bias:
        assert np.abs(biases).max() > 0.9 * bias


def test_the_scale_of_random_weights_is_their_standard_deviation():
    weights, _ = random_normal(rng(), 784, 128, init_scale=0.3)
    assert weights.std() == pytest.approx(0.3, rel=0.01)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_the_generator_decides_the_initial_weights(name):
    def drawn(seed):
        network = feedforward([6, 5, 3], np.random.default_rng(seed), weight_init=name)
        return np.concatenate([p.ravel() for p in network.parameters])

    np.testing.assert_array_equal(drawn(3), drawn(3))
    assert name == "zeros" or not np.array_equal(drawn(3), drawn(4))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_everything_stays_in_float32(activation, loss):
    network = feedforward([6, 5, 4, 3], rng(), activation=activation, dtype=np.float32)
    images, labels = rng().standard_normal((7, 6)).astype(np.float32), rng().integers(0, 3, 7)
    criterion = LOSSES[loss]()
    x = network.forward(images)
    delta = criterion.backward(x[-1], labels)
    gradients = network.backward(x, delta)
    assert {a.dtype for a in [*x, delta, *gradients]} == {np.dtype(np.float32)}
    assert type(criterion.forward(x[-1], labels)) is float


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_logits_do_not_overflow(dtype, loss):
    logits = np.array([[1e4, 0, -1e4], [-1e30, 1e30, 0]], dtype)
    labels = np.array([2, 1])
    np.testing.assert_array_equal(np.exp(log_softmax(logits)), [[1, 0, 0], [0, 1, 0]])
    expected = {"cross_entropy": 2e4 / 2, "mean_squared_error": 2 / 6}[loss]
    assert LOSSES[loss]().forward(logits, labels) == pytest.approx(expected)
    assert np.isfinite(LOSSES[loss]().backward(logits, labels)).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_large_inputs_of_an_activation_do_not_overflow(activation):
    x = np.array([[-1e4, -1e2, 0, 1e2, 1e4]])
    layer = ACTIVATIONS[activation]()
    y = layer.forward(x)
    assert np.isfinite(y).all()
    assert np.isfinite(layer.backward(x, y, np.ones_like(x))).all()


def test_too_few_sizes_and_unknown_names_are_refused():
    with pytest.raises(ValueError, match="pixels and the classes"):
        feedforward([784], rng())
    with pytest.raises(KeyError):
        feedforward([784, 10], rng(), activation="softplus")


@pytest.mark.process
def test_a_copy_of_the_folder_runs_with_numpy_alone(tmp_path):
    folder = Path(dlsweep.scratch.__path__[0])
    shutil.copytree(folder, tmp_path / "mynet", ignore=shutil.ignore_patterns("__pycache__"))
    program = """
import runpy, sys
for name in ("torch", "scipy", "sklearn", "dlsweep"):
    sys.modules[name] = None  # to import it is an error
try:
    runpy.run_module("mynet", run_name="__main__")
except SystemExit as end:
    assert end.code == 0
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "WRONG" not in done.stdout
    for name in ("layer GELU", "network 6-5-4-3, relu", "nadam"):
        assert name in done.stdout
