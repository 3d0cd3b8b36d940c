"""Runs as a study hands them out, and as it shows them to commands and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from dlsweep.sweep.file import Config, Coordinates, Metric, SweepFile

ENDED = ("finished", "early_stopped", "stopped", "diverged")
"""The statuses of a run that ended with a result."""

ROLES = ("search", "repeat", "confirmation", "extra")
"""Why a run is in a study: as a point of the search, as another seed of a point (``--repeats``),
to confirm a good one over seeds that did not choose it, or because a user has added it."""

STATUSES = ("waiting", "running", *ENDED, "failed")
"""A run waits where its process died before the end; it is the next to be trained. One is stopped
by the sweep's ``early_terminate`` or by a user, and early_stopped by its own ``early_stopping``."""


class Metrics(Protocol):
    """What a run logs at once: ``EpochMetrics`` of a built-in run, a row that a program logs."""

    @property
    def epoch(self) -> int:
        """The number of the epoch or row, from 1."""

    def as_dict(self) -> dict[str, Any]:
        """The metrics by the names under which they are logged."""


@dataclass(eq=False)
class Run:
    """A run to train.

    Attributes:
        number: its number in the study, from 0.
        config: its configuration.
        run_id: its wandb id: eight letters and digits, drawn at random once and then kept, so that
            the runs of two people's studies of one file can be in one W&B project.
        name: what people call it.
        attempt: 1, and one more each time that it is handed out again because its process died.
        deaths: how many workers have died training it.
        settings: of a W&B sweep, its settings as the sweep spells them.
        history: the epochs that this process has logged so far.
        role: one of ``ROLES``.
        repeat_of: the number of the run that has its configuration but for the seed, or None.
    """

    number: int
    config: Config
    run_id: str
    name: str
    attempt: int = 1
    deaths: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    history: list[Metrics] = field(default_factory=list)
    role: str = "search"
    repeat_of: int | None = None

    @property
    def point(self) -> int:
        """The number of the first run with this configuration, whatever the seed."""
        return self.number if self.repeat_of is None else self.repeat_of

    @property
    def judged(self) -> bool:
        """Whether early termination applies to it: it does not where a run is to be whole."""
        return self.role in ("search", "repeat")


@dataclass(frozen=True)
class PlannedStack:
    """Runs that are trained together, as the study keeps them so that the stack can be resumed.

    Attributes:
        id: unique in the study; the greater, the later it was planned.
        members: the numbers of its runs, in the order of the stack, ended ones too.
        begun: whether its training has begun.
    """

    id: int
    members: tuple[int, ...]
    begun: bool = False


@dataclass(frozen=True)
class Row:
    """One run as it was recorded: in a study's table, in a report, read from W&B.

    Attributes:
        number: the run's number in its study or among those read, from 0.
        run_id: its wandb id; empty for a point that was not a valid configuration.
        name: what people call it.
        status: one of ``STATUSES``.
        config: its settings by name, as the configuration's ``as_dict`` gives them; of a point that
            was not a valid configuration, those that the sweep set. Of a program's run at W&B the
            names of nested ones are joined by dots.
        summary: what was logged at its end; what the figures of built-in networks need is described
            in ``dlsweep.tracking``.
        history: what was logged, one mapping per epoch or step; of a running one, as of a few
            seconds ago.
        value: the sweep's metric; None where it has none, diverged or failed.
        reason: why it failed; else empty.
        info: what was stored besides, such as the folder of its wandb run.
        started, finished: in UTC; None where it has not happened or is not known.
        coordinates: where it is in the space of the sweep; nowhere if it is not of the search.
        role, repeat_of: see ``Run``.
        url: its page at W&B; None for a run that is not there.
    """

    number: int
    run_id: str
    name: str
    status: str
    config: Mapping[str, Any]
    summary: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    value: float | None = None
    reason: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)
    started: datetime | None = None
    finished: datetime | None = None
    coordinates: Coordinates = field(default_factory=dict)
    role: str = "search"
    repeat_of: int | None = None
    url: str | None = None

    @property
    def id(self) -> str:
        """Its wandb id; of a point that was not a valid configuration its name."""
        return self.run_id or self.name

    @property
    def point(self) -> int:
        """The number of the first run with this configuration, whatever the seed."""
        return self.number if self.repeat_of is None else self.repeat_of

    @property
    def beside(self) -> bool:
        """Whether it is no run of the search, but was trained to answer a question about one.

        What is said of the sweep and its settings leaves it out.
        """
        return self.role in ("confirmation", "extra")

    @property
    def folder(self) -> str:
        """Its wandb folder, where it was or under the working directory; empty if it is gone."""
        place = Path(str(self.info.get("directory") or ""))
        places = (place, Path("wandb") / place.name) if place.name else ()
        return next((str(found) for found in places if found.is_dir()), "")


class RowsOfAStudy(Protocol):
    """The runs of a study, and what they are judged by."""

    @property
    def metric(self) -> Metric:
        """The sweep's metric."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """The runs, by number."""

    @property
    def of_program(self) -> bool:
        """Whether they are runs of a program of the user's own."""

    @property
    def sweep(self) -> SweepFile | None:
        """The sweep file, where it is known."""

    def ranked(self) -> list[Row]:
        """The runs with a value, the best first."""
