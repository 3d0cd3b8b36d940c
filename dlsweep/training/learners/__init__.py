"""Room 2 of the engine: backends, which train the members of a stack and decide nothing."""

from __future__ import annotations

from collections.abc import Sequence

from dlsweep.config import RunConfig
from dlsweep.data import Dataset
from dlsweep.training.learners._arrays import StateError, load_arrays
from dlsweep.training.learners._autograd import AutogradLearner
from dlsweep.training.learners._evaluation import logits_of, quicken, transposed
from dlsweep.training.learners._hand_written import HandWrittenLearner
from dlsweep.training.learners._learner import Learner, Means, Recalled
from dlsweep.training.learners._numpy import NumpyLearner
from dlsweep.training.learners._numpy_autoencoder import NumpyAutoencoder
from dlsweep.training.learners._sklearn import SklearnLearner
from dlsweep.training.learners._torch import TorchLearner
from dlsweep.training.planning import HAND_WRITTEN, way


def numpy_learner(configs: Sequence[RunConfig], data: Dataset) -> NumpyLearner:
    """The from-scratch learner of a run's model."""
    autoencoder = configs[0].model == "autoencoder"
    return (NumpyAutoencoder if autoencoder else NumpyLearner)(configs, data)


def torch_learner(configs: Sequence[RunConfig], data: Dataset) -> TorchLearner:
    """The learner for these members on the device that the data is on."""
    how = way(configs[0], data.train.images.device.type)
    return (HandWrittenLearner if how == HAND_WRITTEN else AutogradLearner)(configs, data)


__all__ = [
    "AutogradLearner",
    "HandWrittenLearner",
    "Learner",
    "Means",
    "Recalled",
    "SklearnLearner",
    "StateError",
    "TorchLearner",
    "load_arrays",
    "logits_of",
    "numpy_learner",
    "quicken",
    "torch_learner",
    "transposed",
]
