"""A neural network from scratch, in NumPy alone: what a student writes once, by hand.

Read ``network.py`` first (initial weights, forward, softmax, loss, backward), then
``optimizers.py`` (six update rules), then ``training.py`` (mini-batches). The test-suite holds all
of it equal to PyTorch, to 1e-9 in float64.

A network with two hidden layers that learns scikit-learn's digits::

    from sklearn.datasets import load_digits
    from dlsweep.config.streams import epoch_order
    from dlsweep.scratch import Adam, Network, evaluate, train_epoch

    images, labels = load_digits(return_X_y=True)
    images = images / 16
    network = Network(
        [64, 32, 32, 10],
        activation="tanh",
        loss="cross_entropy",
        weight_init="xavier",
        seed=0,
    )
    optimizer = Adam(network.parameters, learning_rate=0.01)
    for epoch in range(1, 11):
        order = epoch_order(0, epoch, 1500)
        loss, accuracy = train_epoch(
            network, optimizer, images[:1500], labels[:1500], order, batch_size=32
        )
        print(epoch, loss, accuracy)
    print("test", evaluate(network, images[1500:], labels[1500:]))

Where other programs keep the processor's cores busy, set ``OPENBLAS_NUM_THREADS=1``: the threads
of NumPy's matrix products spin while they wait for each other, which mini-batches do not repay.
"""

from dlsweep.scratch.network import (
    ACTIVATIONS,
    INITIALIZERS,
    LOSSES,
    Activation,
    Loss,
    Network,
    log_softmax,
)
from dlsweep.scratch.optimizers import (
    OPTIMIZERS,
    SGD,
    Adam,
    Momentum,
    NAdam,
    Nesterov,
    Optimizer,
    RMSprop,
)
from dlsweep.scratch.training import evaluate, log_probabilities, predict, train_epoch

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "LOSSES",
    "OPTIMIZERS",
    "SGD",
    "Activation",
    "Adam",
    "Loss",
    "Momentum",
    "NAdam",
    "Nesterov",
    "Network",
    "Optimizer",
    "RMSprop",
    "evaluate",
    "log_probabilities",
    "log_softmax",
    "predict",
    "train_epoch",
]
