"""Floor 3: models kept in files, and asked again: ``dlsweep.load``."""

from dlsweep.saved._images import looks_inverted, read_image
from dlsweep.saved._inputs import Inputs
from dlsweep.saved._model import FILE_NAME, Model, encode_model, load_model, save_model
from dlsweep.saved._network import network_of
from dlsweep.saved._prepare import Prepared, prepare_image
from dlsweep.saved._tables import read_rows

__all__ = [
    "FILE_NAME",
    "Inputs",
    "Model",
    "Prepared",
    "encode_model",
    "load_model",
    "looks_inverted",
    "network_of",
    "prepare_image",
    "read_image",
    "read_rows",
    "save_model",
]
