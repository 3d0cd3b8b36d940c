"""Which runs make up a stack, as the study keeps it: so that the same stack can be formed again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dlsweep.training import Layout, layout_facts, layout_from


@dataclass(frozen=True)
class Formation:
    """A stack before it is trained.

    Attributes:
        id: a number in text, unique in the study; the greater, the later it was formed.
        members: the numbers of its runs, in the order of the stack.
        compile_for: what it is compiled for, or None.
        begun: whether its training has begun; before, ``compile_for`` is open.
        place: where its checkpoint is, in a study of many machines (see ``_place``); else empty.
    """

    id: str
    members: tuple[int, ...]
    compile_for: Layout | None = None
    begun: bool = False
    place: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "id": self.id,
            "members": list(self.members),
            "compile_for": layout_facts(self.compile_for),
            "begun": self.begun,
            **({"place": self.place} if self.place else {}),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Formation:
        """What ``as_dict`` was made of."""
        layout, place = layout_from(stored["compile_for"]), stored.get("place", "")
        return cls(stored["id"], tuple(stored["members"]), layout, stored["begun"], place)
