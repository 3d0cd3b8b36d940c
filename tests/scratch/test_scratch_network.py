"""The parts of the network by themselves: gradients, initial weights, numerical range."""

import subprocess
import sys

import numpy as np
import pytest

import dlsweep.scratch
from dlsweep.config.streams import weight_stream
from dlsweep.scratch import ACTIVATIONS, INITIALIZERS, LOSSES, Network, log_softmax

SMALL = [6, 5, 4, 3]


def small_network(sizes=SMALL, **settings):
    defaults = {"activation": "tanh", "loss": "cross_entropy", "weight_init": "xavier", "seed": 0}
    return Network(sizes, **(defaults | {"dtype": np.float64} | settings))


def small_batch(n=7, pixels=SMALL[0], classes=SMALL[-1]):
    rng = np.random.default_rng(1)
    return rng.standard_normal((n, pixels)), rng.integers(0, classes, n)


def loss_of(network, images, labels):
    return network.loss.value(network.forward(images)[1], labels)


@pytest.mark.parametrize("sizes", [SMALL, [6, 3]], ids=["two hidden", "softmax regression"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_are_finite_differences(activation, loss, sizes):
    network = small_network(sizes, activation=activation, loss=loss)
    network.parameters += np.random.default_rng(2).normal(0, 0.1, network.parameters.shape)
    images, labels = small_batch()
    inputs, log_p = network.forward(images)
    for layer in range(len(network.weights) - 1):
        z = inputs[layer] @ network.weights[layer] + network.biases[layer]
        assert np.abs(z).min() > 1e-4  # a step of 1e-5 crosses no kink

    network.backward(inputs, log_p, labels)

    h, differences = 1e-5, np.empty_like(network.parameters)
    for i, value in enumerate(network.parameters.copy()):
        network.parameters[i] = value + h
        above = loss_of(network, images, labels)
        network.parameters[i] = value - h
        below = loss_of(network, images, labels)
        network.parameters[i] = value
        differences[i] = (above - below) / (2 * h)
    assert np.abs(network.gradients).max() > 1e-3
    np.testing.assert_allclose(network.gradients, differences, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu"])
def test_derivative_at_the_kink_is_torchs(activation):
    torch = pytest.importorskip("torch")
    z = torch.zeros(1, requires_grad=True)
    getattr(torch.nn.functional, activation)(z).backward()
    assert ACTIVATIONS[activation].derivative(np.zeros(1)) == pytest.approx(z.grad.item())


def test_a_gradient_leaves_nothing_behind():
    network = small_network()
    images, labels = small_batch()
    network.gradients[:] = 1e3
    network.backward(*network.forward(images), labels)
    once = network.gradients.copy()
    network.backward(*network.forward(images), labels)
    np.testing.assert_array_equal(network.gradients, once)


def test_parameters_are_the_weights_and_biases_in_order():
    network = small_network(dtype=np.float32)
    layers = zip(network.weights, network.biases, strict=True)
    flat = np.concatenate([array.ravel() for layer in layers for array in layer])
    np.testing.assert_array_equal(network.parameters, flat)
    assert [w.shape for w in network.weights] == [(6, 5), (5, 4), (4, 3)]
    assert [b.shape for b in network.biases] == [(5,), (4,), (3,)]
    assert [w.shape for w in network.weight_gradients] == [(6, 5), (5, 4), (4, 3)]
    network.parameters += 1
    assert (network.biases[1] == 1).all()


def test_snapshot_is_a_copy_and_restore_puts_it_back():
    network = small_network()
    before, snapshot = network.parameters.copy(), network.snapshot()
    network.parameters += 1
    assert not np.array_equal(network.parameters, before)
    network.restore(snapshot)
    np.testing.assert_array_equal(network.parameters, before)
    assert [array.shape for array in snapshot] == [(6, 5), (5,), (5, 4), (4,), (4, 3), (3,)]


@pytest.mark.parametrize(
    ("name", "std", "largest"),
    [
        ("random", 0.05, np.inf),
        ("xavier", np.sqrt(2 / (784 + 128)), np.sqrt(6 / (784 + 128))),
        ("he", np.sqrt(2 / 784), np.inf),
        ("zeros", 0, 0),
    ],
)
def test_initial_weights_have_the_papers_statistics(name, std, largest):
    weights = INITIALIZERS[name](np.random.default_rng(0), 784, 128)
    assert weights.shape == (784, 128)
    assert weights.dtype == np.float64
    assert weights.std() == pytest.approx(std, rel=0.01)
    assert abs(weights.mean()) <= 4 * std / np.sqrt(weights.size)
    assert np.abs(weights).max() <= largest
    if 0 < largest < np.inf:
        assert np.abs(weights).max() > 0.999 * largest


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initial_weights_come_from_the_layers_own_stream(name):
    network = small_network(weight_init=name, seed=3, dtype=np.float32)
    for layer, weights in enumerate(network.weights):
        drawn = INITIALIZERS[name](weight_stream(3, layer), *weights.shape)
        np.testing.assert_array_equal(weights, drawn.astype(np.float32))
    assert not any(b.any() for b in network.biases)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_everything_stays_in_the_networks_dtype(activation, loss):
    network = small_network(activation=activation, loss=loss, dtype=np.float32)
    images, labels = small_batch()  # float64
    inputs, log_p = network.forward(images)
    assert {a.dtype for a in [*inputs, log_p]} == {np.dtype(np.float32)}
    assert {ACTIVATIONS[activation].derivative(a).dtype for a in inputs} == {np.dtype(np.float32)}
    assert network.loss.gradient(log_p, labels).dtype == np.float32
    assert type(network.loss.value(log_p, labels)) is float


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_logits_do_not_overflow(dtype, loss):
    logits = np.array([[1e4, 0, -1e4], [-1e30, 1e30, 0]], dtype)
    labels = np.array([2, 1])
    log_p = log_softmax(logits)
    np.testing.assert_array_equal(np.exp(log_p), [[1, 0, 0], [0, 1, 0]])
    expected = {"cross_entropy": 2e4 / 2, "mean_squared_error": 2 / 6}[loss]
    assert LOSSES[loss].value(log_p, labels) == pytest.approx(expected)
    assert np.isfinite(LOSSES[loss].gradient(log_p, labels)).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_large_inputs_of_an_activation_do_not_overflow(activation):
    z = np.array([-1e4, -1e2, 0, 1e2, 1e4])
    function, derivative = ACTIVATIONS[activation]
    assert np.isfinite(function(z)).all()
    assert np.isfinite(derivative(function(z))).all()


def test_too_few_sizes_and_unknown_names_are_refused():
    with pytest.raises(ValueError, match="pixels and the classes"):
        small_network([784])
    with pytest.raises(KeyError):
        small_network(activation="softplus")


def test_numpy_alone():
    # Under the names of empty packages, so that only what these files import is loaded.
    program = """
import sys, types, importlib.util, pathlib
root = pathlib.Path(sys.argv[1])
for name in ("dlsweep", "dlsweep.config"):
    module = types.ModuleType(name)
    module.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
    sys.modules[name] = module
import dlsweep.scratch
print(sorted(name for name in sys.modules if name.startswith("dlsweep")))
assert "torch" not in sys.modules
"""
    package = dlsweep.scratch.__path__[0].removesuffix("scratch")
    done = subprocess.run(
        [sys.executable, "-c", program, package], capture_output=True, text=True, check=True
    )
    assert eval(done.stdout) == [
        "dlsweep",
        "dlsweep.config",
        "dlsweep.config.streams",
        "dlsweep.scratch",
        "dlsweep.scratch.network",
        "dlsweep.scratch.optimizers",
        "dlsweep.scratch.training",
    ]
