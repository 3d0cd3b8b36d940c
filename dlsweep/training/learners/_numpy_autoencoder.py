"""The from-scratch autoencoder as a backend, with a classifier on its code that it does not see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from dlsweep import scratch
from dlsweep.config.streams import epoch_order
from dlsweep.data import Dataset
from dlsweep.models import Autoencoder, Objective
from dlsweep.training.learners._learner import Means, Recalled
from dlsweep.training.learners._numpy import NumpyLearner, network_of


class _Networks:
    """The networks of a run.

    Attributes:
        parts: the encoder, the decoder and the classifier by these names.
        autoencoder: the first two.
    """

    def __init__(self, parts: dict[str, scratch.Network]) -> None:
        self.parts = parts
        self.autoencoder = scratch.Autoencoder(parts["encoder"], parts["decoder"])

    @property
    def parameters(self) -> list[np.ndarray]:
        """Those of all parts."""
        return [p for part in self.parts.values() for p in part.parameters]

    def codes(self, images: np.ndarray) -> np.ndarray:
        """What the classifier is asked about."""
        return self.autoencoder.encode(images)


class NumpyAutoencoder(NumpyLearner):
    """Trains one autoencoder with ``dlsweep.scratch``; see ``NumpyLearner``.

    The classifier's loss does not reach the encoder: ``freeze`` is true, or is refused.
    """

    auxiliary = Autoencoder.auxiliary_name
    network: _Networks  # type: ignore[assignment]
    best: _Networks  # type: ignore[assignment]

    def make_network(self, pixels: int, data: Dataset, dtype: np.dtype) -> Any:
        """See ``NumpyLearner``."""
        config = self.config
        sizes = [pixels, *config.hidden_sizes, config["code_size"]]
        head = [sizes[-1], *(config["classifier_size"] or ()), data.num_classes]
        self._sizes = {"encoder": sizes, "decoder": sizes[::-1], "classifier": head}
        first = accumulate((len(s) - 1 for s in self._sizes.values()), initial=0)
        parts = zip(self._sizes.items(), first, strict=False)
        self._epoch = np.array(1)
        return _Networks({n: network_of(config, s, dtype, i) for (n, s), i in parts})

    def objective(self, epoch: int) -> Objective:
        """See ``Learner``."""
        config = self.config
        return Autoencoder.objective_of(
            config["freeze"], config["pretrain_epochs"], config["reconstruction_weight"], epoch
        )

    def trained(self) -> list[np.ndarray]:
        """See ``NumpyLearner``: what this epoch's objective is for."""
        frozen = self.objective(int(self._epoch)).frozen
        parts = self.network.parts.items()
        return [p for name, part in parts if name not in frozen for p in part.parameters]

    def train_epoch(self, epoch: int, learning_rates: np.ndarray) -> Means:
        """See ``Learner``."""
        objective, self._epoch[...] = self.objective(epoch), epoch
        if epoch > 1 and objective != self.objective(epoch - 1):
            self.optimizer = self.make_optimizer()
        self.optimizer.learning_rate = float(learning_rates[0])
        images, labels = self.splits["train"]
        order, size = epoch_order(self.config.seed, epoch, len(labels)), self.config.batch_size
        rows = []
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            rows.append((*self._step(images[batch], labels[batch], objective), len(batch)))
        losses, right, own, counts = np.array(rows).T
        loss, accuracy, auxiliary = (
            np.array([values @ counts / len(order)]) for values in (losses, right, own)
        )
        return Means(loss, accuracy, auxiliary, losses[None])

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def _step(
        self, images: np.ndarray, labels: np.ndarray, objective: Objective
    ) -> tuple[float, float, float]:
        """One step; the loss, the accuracy and the loss of the reconstruction before it."""
        network, classifier = self.network, self.network.parts["classifier"]
        x = classifier.forward(network.codes(images))
        own, gradients = network.autoencoder.gradients(images)
        gradients = [objective.auxiliary * gradient for gradient in gradients]
        if "encoder" in objective.frozen:
            gradients = []
        if "classifier" not in objective.frozen:
            gradients += classifier.backward(x, self.loss.backward(x[-1], labels))
        self.step(gradients)
        right = float((x[-1].argmax(axis=1) == labels).mean())
        return self.loss.forward(x[-1], labels), right, own

    def validate(self) -> Means:
        """See ``Learner``."""
        images, labels = self.splits["val"]
        codes, classifier = self.network.codes(images), self.network.parts["classifier"]
        found = scratch.evaluate(classifier, self.loss, codes, labels)
        own = self.network.autoencoder.loss(images)
        return Means(*(np.array([value]) for value in (*found, own)))

    def recall(self, row: int, split: str) -> Recalled:
        """See ``Learner``."""
        images, labels = self.splits[split]
        logits = scratch.logits_of(self.best.parts["classifier"], self.best.codes(images))
        own = self.best.autoencoder.loss(images)
        return self.recalled(logits, labels)._replace(auxiliary=own)

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """See ``Learner``."""
        self._epoch[...] = arrays.get("epoch", 1)
        self.optimizer = self.make_optimizer()  # it remembers of what it trains
        super().restore(arrays)

    def _arrays(self) -> dict[str, np.ndarray]:
        return {**super()._arrays(), "epoch": self._epoch}

    def layers(self) -> Sequence[str]:
        """See ``NumpyLearner``."""
        return [
            f"{name}.{i}" + ".weights" * (i < len(sizes) - 2)
            for name, sizes in self._sizes.items()
            for i, _ in enumerate(pairwise(sizes))
        ]
