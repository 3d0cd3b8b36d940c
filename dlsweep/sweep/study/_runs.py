"""What a study hands out: runs to train, and which of them are trained together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dlsweep.config import RunConfig

if TYPE_CHECKING:
    from dlsweep.training import EpochMetrics, Layout


@dataclass(eq=False)
class Run:
    """A run to train.

    Attributes:
        number: its number in the study, from 0.
        config: its configuration.
        run_id: its wandb id: eight letters and digits, drawn at random once and then kept, so that
            the runs of two people's studies of one file can lie in one W&B project.
        name: what people call it.
        attempt: 1, and one more each time that it is handed out again because its process died.
        deaths: how many workers have died training it.
        settings: of a W&B sweep, its settings as the sweep spells them.
        history: the epochs that this process has logged so far.
    """

    number: int
    config: RunConfig
    run_id: str
    name: str
    attempt: int = 1
    deaths: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    history: list[EpochMetrics] = field(default_factory=list)


@dataclass(frozen=True)
class PlannedStack:
    """Runs that are trained together, as the study keeps them so that the stack can be resumed.

    Attributes:
        id: unique in the study; the greater, the later it was planned.
        members: the numbers of its runs, in the order of the stack, ended ones too.
        compile_for: the layout that it is compiled for; None where it is not compiled.
        begun: whether its training has begun; before, ``compile_for`` is not known.
    """

    id: int
    members: tuple[int, ...]
    compile_for: Layout | None = None
    begun: bool = False
