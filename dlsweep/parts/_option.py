"""A setting that a part, or a model of the user's own, brings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Option:
    """A setting as its owner declares it.

    Attributes:
        default: its value where none is given; its type is that of the values unless ``type`` is
            given.
        help: one line for ``--help`` and the documentation.
        type: int, float, bool or str.
        low: the lowest number.
        high: above the highest number.
        above: whether ``low`` itself is excluded.
        values: the words that it may be, where it is one of some.
        optional: whether it may be none.
        also: other names that users write for it.
    """

    default: Any
    help: str = ""
    type: type = float
    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    values: tuple[str, ...] = ()
    optional: bool = False
    also: tuple[str, ...] = ()
