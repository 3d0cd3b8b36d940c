"""Floor 3: models kept in files, and asked again: ``dlsweep.load``."""

from dlsweep.saved._images import looks_inverted, read_image
from dlsweep.saved._model import FILE_NAME, Model, encode_model, load_model, save_model

__all__ = [
    "FILE_NAME",
    "Model",
    "encode_model",
    "load_model",
    "looks_inverted",
    "read_image",
    "save_model",
]
