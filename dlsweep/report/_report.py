"""A report: blocks in an order, whatever the runs and whatever the face."""

from __future__ import annotations

from dataclasses import dataclass

from dlsweep.report._runs import RunsTable
from dlsweep.report.blocks import Block, Heading


@dataclass(frozen=True)
class Report:
    """What is shown, in which order.

    Attributes:
        title: of the page.
        blocks: its parts, from top to bottom; every ``Heading`` starts a section.
    """

    title: str
    blocks: tuple[Block, ...]

    def shown(self, table: RunsTable) -> list[Block]:
        """The blocks that fit these runs; a heading only where something stands under it."""
        found: list[Block] = []
        for block in reversed(self.blocks):
            if isinstance(block, Heading):
                if found and not isinstance(found[-1], Heading):
                    found.append(block)
            elif block.fits(table):
                found.append(block)
        return found[::-1]
