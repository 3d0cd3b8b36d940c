"""A report: blocks in an order, whatever the runs and whatever the face."""

from __future__ import annotations

from dataclasses import dataclass

from dlsweep.report.blocks import Block


@dataclass(frozen=True)
class Report:
    """What is shown, in which order.

    Attributes:
        title: of the page.
        blocks: its parts, from top to bottom; every ``Heading`` starts a section.
    """

    title: str
    blocks: tuple[Block, ...]
