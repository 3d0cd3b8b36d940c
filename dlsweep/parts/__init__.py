"""Floor 0: the things that a run is put together from, one file each.

A file brings the whole of a thing: its name, its other spellings, the settings that it alone heeds
or brings, and its implementations. A file that is put into one of the folders is found there; that
is all the registration there is. Torch is imported when an implementation is first used, so that
commands which train nothing start at once.
"""

from __future__ import annotations

from dlsweep.parts._discovery import discover
from dlsweep.parts._option import Option
from dlsweep.parts._part import Part
from dlsweep.parts.activations import Activation
from dlsweep.parts.augmentations import Augmentation
from dlsweep.parts.backends import Backend
from dlsweep.parts.data_sets import DATASETS, PublishedSet
from dlsweep.parts.initializers import Initializer
from dlsweep.parts.layers import Conv, Layer
from dlsweep.parts.losses import Loss
from dlsweep.parts.optimizers import Hyperparameters, Optimizer, Updater

ACTIVATIONS = {name: part() for name, part in discover("activations", Activation).items()}
AUGMENTATIONS = {name: part() for name, part in discover("augmentations", Augmentation).items()}
OPTIMIZERS = {name: part() for name, part in discover("optimizers", Optimizer).items()}
LOSSES = {name: part() for name, part in discover("losses", Loss).items()}
INITIALIZERS = {name: part() for name, part in discover("initializers", Initializer).items()}
LAYERS = discover("layers", Layer)
BACKENDS = {name: part() for name, part in discover("backends", Backend).items()}

__all__ = [
    "ACTIVATIONS",
    "AUGMENTATIONS",
    "BACKENDS",
    "DATASETS",
    "INITIALIZERS",
    "LAYERS",
    "LOSSES",
    "OPTIMIZERS",
    "Activation",
    "Augmentation",
    "Backend",
    "Conv",
    "Hyperparameters",
    "Initializer",
    "Layer",
    "Loss",
    "Optimizer",
    "Option",
    "Part",
    "PublishedSet",
    "Updater",
]
