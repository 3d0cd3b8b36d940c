"""The classes of models of the user's own, and the settings that they bring.

A model is a class that makes a ``torch.nn.Module``: ``Net(image_shape, num_classes, **settings)``.
Its other parameters are settings of the run.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any

from dlsweep.config.choices import MODELS
from dlsweep.config.errors import ConfigError, nearest
from dlsweep.config.fields import SETTINGS
from dlsweep.config.own_code import load_module
from dlsweep.config.own_model import place_and_name
from dlsweep.parts import Option

_GIVEN = ("image_shape", "num_classes")
"""What every model is given: the images' (channels, height, width), and the number of classes."""
_TAKEN_BY_TRAINING = "is a setting of the training; give the model's parameter another name"


def load_model_class(model: str) -> Any:
    """The class that ``model_name`` has named.

    Raises:
        ConfigError: where there is no such file, module or class, or it fails to be imported.
    """
    place, name = place_and_name(model)
    module = load_module(place, "model")
    if not hasattr(module, name):
        classes = [n for n, v in vars(module).items() if inspect.isclass(v)]
        close = nearest(name, classes)
        hint = f"; did you mean {close}?" if close else ""
        raise ConfigError([f"model: {place} has no class {name}{hint}"])
    return getattr(module, name)


def model_options(model: str) -> Mapping[str, Option]:
    """The settings that a model of the user's own brings, by name.

    Raises:
        ConfigError: where its class cannot be had, or one of its parameters cannot be a setting.
    """
    made = load_model_class(model)
    name = model.rpartition(":")[2]
    try:
        parameters = inspect.signature(made, eval_str=True).parameters
    except (TypeError, ValueError, NameError) as error:
        raise ConfigError([f"model: the parameters of {name} cannot be read: {error}"]) from None
    problems = [
        f"model: {name} takes no {given}; it is made by {name}(image_shape, num_classes, …)"
        for given in _GIVEN
        if given not in parameters and not any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    ]
    if problems:
        raise ConfigError(problems[:1])
    options: dict[str, Option] = {}
    for parameter in parameters.values():
        if parameter.name in _GIVEN or parameter.kind in (
            parameter.VAR_KEYWORD,
            parameter.VAR_POSITIONAL,
        ):
            continue
        if parameter.name in SETTINGS and parameter.name not in _SHADOWED:
            problems.append(f"model: {name}: {parameter.name} {_TAKEN_BY_TRAINING}")
            continue
        option = _option(parameter)
        if option is not None:
            options[parameter.name] = option
        elif parameter.default is parameter.empty:
            problems.append(
                f"model: {name}: {parameter.name} has no default, and its type "
                "is none of int, float, bool, str, Literal, a list of int, or one of these or None"
            )
    if problems:
        raise ConfigError(problems)
    return options


_SHADOWED = {name for model in MODELS.values() for name in (*model.heeds, *model.options)}
"""Settings that built-in models alone heed: a model of the user's own may have its own of the name.
"""

REQUIRED = object()
"""The default of a parameter that must be given."""


def _option(parameter: inspect.Parameter) -> Option | None:
    """A parameter as a setting; None where its type is none that a setting may have."""
    annotation, default = parameter.annotation, parameter.default
    if annotation is parameter.empty:
        if default is parameter.empty or default is None:
            return None
        annotation = type(default)
    optional = False
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        optional = len(kinds) < len(typing.get_args(annotation))
        if set(kinds) == {int, float}:
            kinds = [float]
        if len(kinds) != 1:
            return None
        (annotation,) = kinds
    values: tuple[str, ...] = ()
    if typing.get_origin(annotation) is typing.Literal:
        values, annotation = typing.get_args(annotation), str
        if not all(isinstance(value, str) for value in values):
            return None
    origin = typing.get_origin(annotation) or annotation
    if origin in (list, tuple) or getattr(origin, "__name__", "") == "Sequence":
        if not set(typing.get_args(annotation)) <= {int, Ellipsis}:
            return None
        annotation = tuple
    if annotation not in (bool, int, float, str, tuple):
        return None
    if default is parameter.empty:
        default = REQUIRED
    elif isinstance(default, list):
        default = tuple(default)
    return Option(
        default,
        "of the model",
        type=annotation,
        values=values,
        optional=optional or default is None,
    )
