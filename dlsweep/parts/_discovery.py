"""Finding the parts in the files of a folder."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import TypeVar, cast

from dlsweep.parts._part import Part

P = TypeVar("P", bound=Part)


def discover(folder: str, kind: Callable[..., P]) -> dict[str, type[P]]:
    """The classes of a kind in the files of a folder of this package, by their parts' names.

    Args:
        folder: a package in this one; files whose names begin with an underscore hold no parts.
        kind: the class of which the parts' classes are subclasses.

    Raises:
        ValueError: if two files bring parts of one name.
    """
    base = cast("type[P]", kind)
    package = import_module(f"dlsweep.parts.{folder}")
    parts: dict[str, type[P]] = {}
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if info.name.rpartition(".")[2].startswith("_"):
            continue
        module = import_module(info.name)
        for value in vars(module).values():
            if (
                inspect.isclass(value)
                and issubclass(value, base)
                and value.__module__ == info.name
                and not inspect.isabstract(value)
            ):
                if value.name in parts:
                    raise ValueError(f"{info.name}: there is a {value.name!r} already")
                parts[value.name] = value
    return parts
