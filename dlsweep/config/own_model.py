"""The names of models of the user's own: ``package.module:Net`` or ``net.py:Net``."""

from __future__ import annotations

import os
import re
from typing import Any

from dlsweep.config.choices import MODELS
from dlsweep.config.kinds import choice

_NAME = re.compile(r"(?P<place>.+):(?P<name>[A-Za-z_]\w*)")


def is_own(model: str) -> bool:
    """Whether a value of ``model`` names a class of the user's own."""
    return ":" in model


def place_and_name(model: str) -> tuple[str, str]:
    """The module or file that a class of the user's own is in, and the class."""
    place, _, name = model.rpartition(":")
    return place, name


def model_name(value: Any) -> str:
    """A built-in model's name; or ``module:Class``, or ``FILE.py:Class`` with an absolute path."""
    found = _NAME.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        if isinstance(value, str) and value.strip().endswith(".py"):
            raise ValueError(f"expected the class too, such as {value.strip()}:Net")
        try:
            return str(choice(MODELS)(value))
        except ValueError as error:
            raise ValueError(f"{error}, or a class of your own such as net.py:Net") from None
    place = found["place"]
    if place.endswith(".py"):
        place = os.path.abspath(os.path.expanduser(place))
    return f"{place}:{found['name']}"
