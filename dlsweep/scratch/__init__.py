"""A neural network from scratch, in NumPy alone: what a student writes once, by hand.

Read ``network.py`` first (forward and backward pass), then ``layers.py`` (each layer's
derivative), ``losses.py``, ``initializers.py``, ``optimizers.py`` (nine update rules),
``training.py`` (mini-batches), and ``autoencoder.py``. ``gradient_check.py`` compares every
derivative with differences::

    python -m dlsweep.scratch

The test-suite holds all of it equal to PyTorch, to 1e-9 in float64. The folder needs nothing but
NumPy: a copy of it works by itself, under any name.

A network with two hidden layers that learns scikit-learn's digits::

    import numpy as np
    from sklearn.datasets import load_digits
    from dlsweep.scratch import Adam, CrossEntropy, evaluate, feedforward, train_epoch

    images, labels = load_digits(return_X_y=True)
    images = images / 16
    rng = np.random.default_rng(0)
    network = feedforward([64, 32, 32, 10], rng, activation="tanh", weight_init="xavier")
    loss = CrossEntropy()
    optimizer = Adam(network.parameters, learning_rate=0.01)
    for epoch in range(1, 11):
        order = rng.permutation(1500)
        print(epoch, *train_epoch(network, loss, optimizer, images, labels, order, batch_size=32))
    print("test", evaluate(network, loss, images[1500:], labels[1500:]))

Where other programs keep the processor's cores busy, set ``OPENBLAS_NUM_THREADS=1``: the threads
of NumPy's matrix products spin while they wait for each other, which mini-batches do not repay.
"""

from .autoencoder import Autoencoder, train_autoencoder_epoch
from .gradient_check import check_all
from .initializers import INITIALIZERS, random_normal
from .layers import ACTIVATIONS, Array, Layer, Linear
from .losses import LOSSES, CrossEntropy, Loss, MeanSquaredError, log_softmax
from .network import Network, feedforward
from .optimizers import (
    OPTIMIZERS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    Momentum,
    NAdam,
    Nesterov,
    Optimizer,
    RMSprop,
)
from .training import evaluate, logits_of, predict, train_epoch

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "LOSSES",
    "OPTIMIZERS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Array",
    "Autoencoder",
    "CrossEntropy",
    "Layer",
    "Linear",
    "Loss",
    "MeanSquaredError",
    "Momentum",
    "NAdam",
    "Nesterov",
    "Network",
    "Optimizer",
    "RMSprop",
    "check_all",
    "evaluate",
    "feedforward",
    "log_softmax",
    "logits_of",
    "predict",
    "random_normal",
    "train_autoencoder_epoch",
    "train_epoch",
]
