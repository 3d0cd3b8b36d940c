"""The points of a study as its owner has them: their stacks, their epochs, their rows."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlsweep.config import RunConfig
from dlsweep.sweep._checkpoints import tidy
from dlsweep.sweep._file import SweepFile
from dlsweep.sweep._formation import Formation
from dlsweep.sweep._metric import number
from dlsweep.sweep._place import new_owner
from dlsweep.sweep._point import DEATHS, STACK, Point, config_of
from dlsweep.sweep._reading import FOLDERS, SHOWING
from dlsweep.sweep._rows import Row, StudyTable, to_row
from dlsweep.sweep._store import Store
from dlsweep.training import Layout

_LIVE = 2.0  # seconds between writes of what is being trained


class StudyRecords:
    """What is kept of a study's points beside the search: ``Study`` is one, and asks for new ones.

    Args:
        store: the database.
        study_id: the study's key there.
        name: its name.
        sweep: what is searched.
    """

    def __init__(self, store: Store, study_id: int, name: str, sweep: SweepFile) -> None:
        self.name = name
        self.owner = new_owner()
        self.sweep = sweep
        self._store = store
        self._id = study_id
        self._steps: list[tuple[int, int, float]] = []
        self._wrote = time.monotonic()
        self._shown = False
        self._records = {record.number: record for record in store.records(study_id)}
        self._stale = [r.number for r in self._records.values() if r.state == "running"]

    def trained(self, point: Point, epoch: int, logged: Mapping[str, Any]) -> None:
        """Keep the metric of an epoch for whoever looks; it is written every few seconds."""
        value = number(logged.get(self.sweep.metric.name))
        if value is not None:
            self._steps.append((self._records[point.number].trial_id, epoch, value))
        if time.monotonic() - self._wrote > _LIVE:
            self._wrote = time.monotonic()
            self._write_steps()

    # The runs that show the data

    @property
    def shown(self) -> bool:
        """Whether it is known here that the data were shown."""
        return self._shown

    def claim_data(self) -> bool:
        """Whether this process is to show the data now: nobody has, and nobody else is at it.

        What it is told is stored in the same transaction, so that one of several is told so.
        """
        with self._store.turn(self._id):
            stored = self._store.attributes(self._id)
            self._shown = bool(stored.get(FOLDERS))
            if self._shown or self._is_at_work(stored.get(SHOWING)):
                return False
            self._store.set_attribute(self._id, SHOWING, self.owner)
        return True

    def keep_folders(self, folders: Sequence[Path]) -> None:
        """The data were shown, in these folders of wandb runs beside those of the points."""
        self._store.set_attribute(self._id, FOLDERS, [str(folder) for folder in folders])
        self._shown = True

    def _is_at_work(self, owner: str | None) -> bool:
        """Whether a process other than this one, by its name, trains the study."""
        return False

    # Stacks

    @property
    def place(self) -> str:
        """The name of the place where the stacks of this process have their checkpoints."""
        return ""

    def form(self, stacks: Sequence[Sequence[Point]]) -> list[Formation]:
        """Store which points are to be trained together, in one write, before they are."""
        formed = [
            Formation(str(i), tuple(point.number for point in points), place=self.place)
            for i, points in enumerate(stacks, start=self._next_stack())
        ]
        self._write_stacks(formed)
        return formed

    def begin(self, formation: Formation, compile_for: Layout | None) -> Formation:
        """Store that a stack's training begins, and what it is compiled for."""
        begun = dataclasses.replace(formation, compile_for=compile_for, begun=True)
        self._write_stacks([begun])
        return begun

    def adopt(self, formation: Formation) -> Formation:
        """A stack that a dead process has left, as this one goes on with it."""
        return formation

    def clear_checkpoints(self) -> None:
        """Remove what was kept of stacks, when all of them have ended."""
        tidy(self.checkpoints)

    @property
    def compiles(self) -> bool:
        """Whether any of the stacks so far, of this place, was compiled."""
        stacks = (r.attributes.get(STACK) for r in self._records.values())
        here = (stack for stack in stacks if stack and stack.get("place", "") == self.place)
        return any(stack["compile_for"] is not None for stack in here)

    def died(self, points: Sequence[Point]) -> list[Point]:
        """Store that a process has died training these points; the points with that counted."""
        counted = [dataclasses.replace(point, deaths=point.deaths + 1) for point in points]
        records = [self._records[point.number] for point in points]
        self._store.update(records, DEATHS, [point.deaths for point in counted])
        return counted

    @property
    def checkpoints(self) -> Path:
        """The folder of this study's checkpoints: beside a SQLite file, else where we are."""
        file = self._store.file
        folder = Path("dlsweep") if file is None else file.absolute()
        return folder.with_name(f"{folder.name}.checkpoints") / self.name

    def checkpoint(self, formation: Formation) -> Path:
        """Where a stack is kept while it is trained."""
        return self.checkpoints / f"{formation.id}.safetensors"

    def _next_stack(self) -> int:
        """A number that no stack has so far."""
        stored = (r.attributes.get(STACK) for r in self._records.values())
        return 1 + max((int(stack["id"]) for stack in stored if stack), default=0)

    def _write_stacks(self, formed: Sequence[Formation]) -> None:
        """Those of their points that have ended keep the stack that they were trained in."""
        own = self._in_training()
        open_ = {
            number: formation.as_dict()
            for formation in formed
            for number in formation.members
            if number in own
        }
        self._store.update([self._records[n] for n in open_], STACK, list(open_.values()))

    # Reading

    def config(self, number: int) -> RunConfig:
        """The configuration of a point, whatever has become of it."""
        config = config_of(self._records[number].attributes)
        if config is None:
            raise ValueError(f"run {number} has no valid configuration")
        return config

    def configs(self) -> list[RunConfig]:
        """The configurations of all points so far."""
        found = (config_of(record.attributes) for record in self._records.values())
        return [config for config in found if config is not None]

    def history(self, number: int) -> list[dict[str, Any]]:
        """What a point that has ended logged every epoch."""
        logged: list[dict[str, Any]] = self._records[number].attributes.get("history", [])
        return logged

    def _row(self, number: int) -> Row:
        return to_row(self._records[number], self.sweep.metric, alive=number not in self._stale)

    def table(self) -> StudyTable:
        """The runs so far, without a query."""
        stale = set(self._stale)
        metric = self.sweep.metric
        rows = [to_row(r, metric, alive=n not in stale) for n, r in sorted(self._records.items())]
        return StudyTable(self.name, self.sweep, tuple(rows))

    def rows(self) -> list[Row]:
        """The runs so far, by number."""
        return list(self.table().rows)

    # Inside

    def _write_steps(self) -> None:
        steps, self._steps = self._steps, []
        running = {self._records[number].trial_id for number in self._in_training()}
        self._store.add_steps([step for step in steps if step[0] in running])

    def _in_training(self) -> set[int]:
        """The points that have not ended and are this process's."""
        return {r.number for r in self._records.values() if r.state == "running"}
