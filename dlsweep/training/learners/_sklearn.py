"""scikit-learn as a backend: a run trained by ``MLPClassifier``, on our batches in our order.

scikit-learn computes the gradients and takes the steps. Initial weights, batches, the learning rate
of each epoch, and what is measured are those of the other backends. Where both define the same
thing, runs are the same to 1e-9 in float64: a second opinion on the engine, by other people. One
thing they define otherwise: scikit-learn's L2 penalty spares the biases.
"""

from __future__ import annotations

import math

import numpy as np

from dlsweep import scratch
from dlsweep.config import ConfigError, RunConfig
from dlsweep.config.streams import epoch_order
from dlsweep.training.learners._learner import Means
from dlsweep.training.learners._numpy import NumpyLearner

_ACTIVATIONS = {"identity": "identity", "sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}


class SklearnLearner(NumpyLearner):
    """Trains one run with scikit-learn; see ``Learner``.

    The classifier's weights and those of a from-scratch network are the same arrays: what the run
    is asked for beside training (validation, the best weights) is answered by that network.

    Args:
        configs: one configuration; the planner stacks no more for this backend.
        data: tensors on the CPU; their type is the network's.

    Raises:
        ConfigError: where scikit-learn's insides are not those that are known here.
    """

    optimizer: _Steps  # type: ignore[assignment]

    def make_optimizer(self) -> _Steps:  # type: ignore[override]
        """The classifier with the network's weights."""
        return _Steps(self.config, self.network)

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def train_epoch(self, epoch: int, learning_rates: np.ndarray) -> Means:
        """Train all members for one epoch."""
        from sklearn import config_context

        images, labels = self.splits["train"]
        classes = np.arange(self.network.parameters[-1].size)
        order = epoch_order(self.config.seed, epoch, len(labels))
        self.optimizer.set_learning_rate(float(learning_rates[0]))
        total_loss, correct, losses = 0.0, 0, []
        with config_context(assume_finite=True, skip_parameter_validation=True):
            for start in range(0, len(order), self.config.batch_size):
                batch = order[start : start + self.config.batch_size]
                logits = self.network.forward(images[batch])[-1]
                losses.append(self.loss.forward(logits, labels[batch]))
                total_loss += losses[-1] * len(batch)
                correct += int(np.count_nonzero(logits.argmax(axis=1) == labels[batch]))
                if not np.isfinite(total_loss):  # the run has diverged
                    break
                self.optimizer.step(images[batch], labels[batch, None] == classes)
        loss, accuracy = np.array([total_loss, correct])[:, None] / len(order)
        return Means(loss, accuracy, batches=np.array([losses]))


class _Steps:
    """Steps of ``MLPClassifier.partial_fit``, one batch each, on weights that are given.

    A classifier draws its weights and makes its update rule in the first call of ``partial_fit``.
    So it gets one call for that alone, on an image of zeros, and then our weights, in the public
    ``coefs_`` and ``intercepts_``, and a rule that has seen nothing.

    The rule is the one thing that scikit-learn does not show: ``_optimizer``, with its learning
    rate, which a schedule must set, and what it remembers, which a checkpoint must hold.
    """

    def __init__(self, config: RunConfig, network: scratch.Network) -> None:
        from sklearn import __version__  # here, for it takes a second
        from sklearn.neural_network import MLPClassifier

        self._decay = config.weight_decay
        self._epsilon, self._beta2 = config.epsilon, config.beta2
        first, *_, last = network.parameters
        self._classifier = MLPClassifier(
            config.hidden_sizes,
            activation=_ACTIVATIONS[config.activation],
            solver="adam" if config.optimizer == "adam" else "sgd",
            momentum=0.0 if config.optimizer == "sgd" else config.momentum,
            nesterovs_momentum=config.optimizer == "nesterov",
            beta_1=config.beta1,
            beta_2=config.beta2,
            shuffle=False,
            random_state=0,
            n_iter_no_change=np.inf,
        )
        zeros = np.zeros((1, first.shape[0]), first.dtype)
        self._fit(zeros, np.eye(1, last.size, dtype=bool), classes=np.arange(last.size))
        # Labels of several columns are trained as independent classes, unless we say otherwise;
        # of one column, two classes would have one output.
        self._classifier.out_activation_ = "softmax"
        self._classifier.coefs_ = network.parameters[0::2]
        self._classifier.intercepts_ = network.parameters[1::2]
        try:
            self._rule = self._classifier._optimizer
            self.learning_rate = self._rule.learning_rate
            for array in [a for group in self.memory for a in group]:
                array[...] = 0
            self.t = 0
        except AttributeError as error:
            raise ConfigError(
                [
                    "backend: sklearn needs the update rule of MLPClassifier, which scikit-learn "
                    f"{__version__} keeps elsewhere ({error}); use backend numpy or torch"
                ]
            ) from None

    @property
    def memory(self) -> list[list[np.ndarray]]:
        """What the rule remembers: velocities, or Adam's two averages."""
        if self._classifier.solver == "adam":
            return [list(self._rule.ms), list(self._rule.vs)]
        return [list(self._rule.velocities)]

    def set_learning_rate(self, rate: float) -> None:
        """From now on; scikit-learn's velocities, unlike torch's, have the rate in them."""
        if self._classifier.solver == "sgd" and self.learning_rate not in (0.0, rate):
            for velocity in self._rule.velocities:
                velocity *= rate / self.learning_rate
        self.learning_rate = rate

    def step(self, images: np.ndarray, one_hot: np.ndarray) -> None:
        """One step, for images (N, pixels) and labels (N, classes), true at the class."""
        self.t += 1
        if self._classifier.solver == "adam":
            # scikit-learn adds epsilon to the uncorrected average (Kingma & Ba, section 2), torch
            # to the corrected one (algorithm 1): this makes them the same.
            self._rule.epsilon = self._epsilon * math.sqrt(1 - self._beta2**self.t)
            self._rule.learning_rate_init = self.learning_rate
            self._rule.t = self.t - 1
        else:
            self._rule.learning_rate = self.learning_rate
        self._fit(images, one_hot)

    def _fit(
        self, images: np.ndarray, one_hot: np.ndarray, classes: np.ndarray | None = None
    ) -> None:
        # It divides the penalty by the number of images, and splits what is above batch_size.
        self._classifier.alpha = self._decay * len(images)
        self._classifier.batch_size = len(images)
        try:
            self._classifier.partial_fit(images, one_hot, classes=classes)
        except ValueError:
            weights = [*self._classifier.coefs_, *self._classifier.intercepts_]
            if all(np.isfinite(weight).all() for weight in weights):
                raise
            # The step overflowed, which is a result: the next loss will not be finite.
        self._classifier.loss_curve_.clear()
