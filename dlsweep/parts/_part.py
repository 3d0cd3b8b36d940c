"""What every part is: a name, its meaning, other spellings, and the settings it heeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from dlsweep.parts._option import Option


class Part:
    """One value of a setting.

    Attributes:
        name: its canonical name. Names are matched without regard to case, hyphens, underscores,
            dots and spaces.
        meaning: a few words for ``--help`` and the documentation.
        also: other spellings that differ in their letters.
        heeds: settings of ``RunConfig`` that have an effect with this part and, without one that
            heeds them, none.
        options: settings that it brings; they are settings of every run, and have no effect without
            this part.
    """

    name: ClassVar[str]
    meaning: ClassVar[str]
    also: ClassVar[tuple[str, ...]] = ()
    heeds: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[Mapping[str, Option]] = {}
