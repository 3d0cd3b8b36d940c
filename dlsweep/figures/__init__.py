"""Floor 3: what a run and its data look like: arrays in, numbers and pictures out."""

from dlsweep.figures._analysis import (
    ClassScores,
    Example,
    RunAnalysis,
    SplitAnalysis,
    analyse,
    analyse_run,
    choose_examples,
    per_class,
)
from dlsweep.figures._autoencoder import autoencoder_pictures, code_scores, is_autoencoder
from dlsweep.figures._data import class_counts, data_pictures
from dlsweep.figures._grids import examples_picture
from dlsweep.figures._layers import feature_maps, first_layer, project
from dlsweep.figures._model import model_pictures
from dlsweep.figures._png import encode_png
from dlsweep.figures._roc import RocCurve

__all__ = [
    "ClassScores",
    "Example",
    "RocCurve",
    "RunAnalysis",
    "SplitAnalysis",
    "analyse",
    "analyse_run",
    "autoencoder_pictures",
    "choose_examples",
    "class_counts",
    "code_scores",
    "data_pictures",
    "encode_png",
    "examples_picture",
    "feature_maps",
    "first_layer",
    "is_autoencoder",
    "model_pictures",
    "per_class",
    "project",
]
