"""Data that a function of the user's own returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dlsweep.config import ConfigError
from dlsweep.config.data import function_of
from dlsweep.config.errors import did_you_mean
from dlsweep.config.own_code import load_module
from dlsweep.data.own._arrays import raw_of_arrays, raw_of_mapping
from dlsweep.parts.data_sets._raw import Raw


def read_function(dataset: str) -> Raw:
    """What ``module:function`` returns: a mapping as of an ``.npz``, ``(images, labels)``, or
    ``((train_images, train_labels), (test_images, test_labels))``.

    Raises:
        ConfigError: in one line, what is wrong with it.
    """
    place, name = function_of(dataset) or ("", "")
    try:
        returned = find_function(place, name)()
    except ConfigError:
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigError([f"dataset: {dataset} failed: {reason}"]) from error
    if isinstance(returned, Mapping):
        return raw_of_mapping(dataset, returned)
    if isinstance(returned, Sequence) and len(returned) in (2, 3) and not isinstance(returned, str):
        pairs = all(isinstance(part, tuple | list) and len(part) == 2 for part in returned)
        if pairs:
            names = ("train", "test") if len(returned) == 2 else ("train", "val", "test")
            return raw_of_arrays(dataset, dict(zip(names, map(tuple, returned), strict=True)))
        if len(returned) == 2:
            return raw_of_arrays(dataset, {"train": (returned[0], returned[1])})
    raise ConfigError(
        [
            f"dataset: {dataset} returned {type(returned).__name__}; expected (images, labels), "
            "a pair of such, or a dictionary with x_train, y_train, x_test and y_test"
        ]
    )


def find_function(place: str, name: str, setting: str = "dataset") -> Callable[..., Any]:
    """A function of the user's own.

    Args:
        place: its module: a path, or a dotted name as seen from the working directory.
        name: its name there.
        setting: what messages speak of.

    Raises:
        ConfigError: there is no such function.
    """
    module = load_module(place, setting)
    function = getattr(module, name, None)
    if not callable(function):
        functions = [n for n, v in vars(module).items() if callable(v) and n[0] != "_"]
        hint = did_you_mean(name, functions) if functions else ""
        raise ConfigError([f"{setting}: {place} has no function {name}{hint}"])
    found: Callable[..., Any] = function
    return found
