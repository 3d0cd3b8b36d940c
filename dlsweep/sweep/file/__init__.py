"""The sweep file: W&B's schema, read and checked into one object, and the points it spans."""

from dlsweep.sweep.file._ablation import ablation, as_yaml_file
from dlsweep.sweep.file._builtin import builtin_flags, is_builtin
from dlsweep.sweep.file._builtin_space import BuiltinSpace
from dlsweep.sweep.file._command import Command, parse_command
from dlsweep.sweep.file._data import data_configs, datasets_of, with_dataset
from dlsweep.sweep.file._distributions import (
    DISTRIBUTIONS,
    Categorical,
    Constant,
    Continuous,
    Distribution,
    IntUniform,
    plain,
)
from dlsweep.sweep.file._early_terminate import Asha, Hyperband
from dlsweep.sweep.file._metric import (
    METRICS,
    TRAINING_SECONDS,
    Metric,
    metric_name,
    number,
    objective,
    parse_metric,
    parse_program_metric,
    unlike_losses,
)
from dlsweep.sweep.file._parameters import flatten, unknown_parameters
from dlsweep.sweep.file._parse import METHODS, load_sweep, parse_sweep
from dlsweep.sweep.file._program import missing_program
from dlsweep.sweep.file._scheduler import written_metrics
from dlsweep.sweep.file._settings import Config, Settings
from dlsweep.sweep.file._space import EDGE, Axis, Coordinates, Space
from dlsweep.sweep.file._sweep_file import SweepFile
from dlsweep.sweep.file._variant import as_settings, varied_together
from dlsweep.sweep.file._yaml import read_yaml, yaml_of

__all__ = [
    "DISTRIBUTIONS",
    "EDGE",
    "METHODS",
    "METRICS",
    "TRAINING_SECONDS",
    "Asha",
    "Axis",
    "BuiltinSpace",
    "Categorical",
    "Command",
    "Config",
    "Constant",
    "Continuous",
    "Coordinates",
    "Distribution",
    "Hyperband",
    "IntUniform",
    "Metric",
    "Settings",
    "Space",
    "SweepFile",
    "ablation",
    "as_settings",
    "as_yaml_file",
    "builtin_flags",
    "data_configs",
    "datasets_of",
    "flatten",
    "is_builtin",
    "load_sweep",
    "metric_name",
    "missing_program",
    "number",
    "objective",
    "parse_command",
    "parse_metric",
    "parse_program_metric",
    "parse_sweep",
    "plain",
    "read_yaml",
    "unknown_parameters",
    "unlike_losses",
    "varied_together",
    "with_dataset",
    "written_metrics",
    "yaml_of",
]
