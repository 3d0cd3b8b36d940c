"""A study that several machines train together: the database is all that they share.

Each asks in its turn, under a lock in the database, after reading what the others did. The runs of
a machine have heartbeats; one without them for ``GRACE`` seconds is handed out again, and the first
result of a run counts, whoever comes second. Where the stacks of a dead process have their
checkpoints (see ``_place``), they are formed again as they were; elsewhere, their runs start anew.
While the database cannot be reached, training goes on, results wait in memory, and asking waits.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from dlsweep.sweep import _tables
from dlsweep.sweep._checkpoints import copy_checkpoint
from dlsweep.sweep._formation import Formation
from dlsweep.sweep._outage import Heart, Outage
from dlsweep.sweep._place import Place
from dlsweep.sweep._point import STACK, Point, config_of
from dlsweep.sweep._rows import Row, to_row
from dlsweep.sweep._store import Store
from dlsweep.sweep._study import Study
from dlsweep.sweep._tables import Record

_log = logging.getLogger("dlsweep.sweep")

_OWNER = "owner"
_NEWS = 5.0  # seconds; older knowledge of the others is brought up to date
_READING = 0.25  # seconds that this may take, or else it is done less often
_LAST_PATIENCE = 30.0  # seconds, for what is still to be written when this machine leaves


class SharedStudy(Study):
    """See ``Study``; this process is one of several owners."""

    def __init__(self, store: Store, *arguments: Any) -> None:
        self._mine: set[int] = set()
        self._unwritten: dict[int, Callable[[], bool]] = {}
        self._waiting_stacks: dict[int, Formation] = {}
        self._late: set[int] = set()
        self._lost: set[int] = set()
        self._forgotten = False
        self._news: set[int] = set()
        self._seen: set[int] = set()
        self._read = time.monotonic()
        self._reading = 0.0
        self._outage = Outage(self._forget)
        super().__init__(store, *arguments)
        self._stale = []  # found when asked
        self._place = Place(self.checkpoints, self.owner)
        self._heart = Heart(store, self._outage)

    def close(self) -> None:
        """See ``Study``; what is unfinished, others may take over at once."""
        try:
            self._outage.patiently(self._leave, _LAST_PATIENCE)
        except TimeoutError:
            if self._unwritten:
                many = len(self._unwritten)
                _log.warning("%d results could not be stored; they are trained again", many)
        finally:
            self._place.leave()
            self._heart.stop()
            super().close()

    def ask(self, n: int = 1) -> list[Point]:
        """See ``Study``; waits for its turn, and for the database."""
        return self._take_turn(lambda: Study.ask(self, n))

    def left_over(self) -> list[Point]:
        """See ``Study``: those whose stacks can be formed again here."""
        return self._take_turn(lambda: self._hand_out_again(0))

    def _take_turn(self, work: Callable[[], list[Point]]) -> list[Point]:
        def turn() -> list[Point]:
            self._write_what_waits()
            with self._store.turn(self._id):
                self._refresh()
                points = work()
                self._take_over(points)
            return points

        points = self._outage.patiently(turn)
        self._mine |= {point.number for point in points}
        self._lost -= self._mine
        self._set_heart()
        return points

    def others(self) -> int:
        """See ``Study``."""

        def count() -> int:
            self._write_what_waits()
            self._refresh()
            return sum(record.state == "running" for record in self._records.values())

        return self._outage.patiently(count) - len(self._mine)

    def news(self) -> list[Row]:
        """See ``Study``; at most every few seconds from the database."""
        # Of many runs it takes longer, and then it is done less often.
        if time.monotonic() - self._read > _NEWS * max(1.0, self._reading / _READING):
            self._outage.if_possible(self._refresh)
        rows = [self._row(number) for number in sorted(self._news)]
        self._news.clear()
        return rows

    def lost(self) -> list[Row]:
        """See ``Study``; as of the last news."""
        rows = [self._row(number) for number in sorted(self._lost)]
        self._lost.clear()
        return rows

    @property
    def machines(self) -> int:
        """See ``Study``; as of the last news."""
        stale = set(self._stale)
        running = [r for n, r in self._records.items() if r.state == "running" and n not in stale]
        return len({self.owner} | {str(record.attributes.get(_OWNER)) for record in running})

    def claim_data(self) -> bool:
        """See ``Study``; False also while the database is out of reach."""
        claimed = False

        def claim() -> None:
            nonlocal claimed
            self._refresh()
            claimed = Study.claim_data(self)

        self._outage.if_possible(claim)
        return claimed

    def _is_at_work(self, owner: str | None) -> bool:
        running = (r for r in self._records.values() if r.state == "running")
        at_work = {r.attributes.get(_OWNER) for r in running if not self._is_left_alone(r)}
        return owner is not None and owner != self.owner and owner in at_work

    def keep_folders(self, folders: Sequence[Path]) -> None:
        """See ``Study``."""
        self._outage.patiently(lambda: Study.keep_folders(self, folders))

    def died(self, points: Sequence[Point]) -> list[Point]:
        """See ``Study``."""
        return self._outage.patiently(lambda: Study.died(self, points))

    # Stacks

    @property
    def place(self) -> str:
        """See ``Study``; empty before this process has formed a stack where none ever was."""
        return self._place.id

    def form(self, stacks: Sequence[Sequence[Point]]) -> list[Formation]:
        """See ``Study``."""
        self._place.enter()
        return super().form(stacks)

    def adopt(self, formation: Formation) -> Formation:
        """See ``Study``: under a new number, should the one who left it still write to its file."""
        self._place.enter()
        adopted = dataclasses.replace(formation, id=str(self._next_stack()))
        try:
            copy_checkpoint(self.checkpoint(formation), self.checkpoint(adopted))
        except OSError as error:
            reason = error.strerror or str(error)
            _log.warning("a checkpoint cannot be used (%s); its runs start again", reason)
        self._write_stacks([adopted])
        if not self._waiting_stacks:
            with contextlib.suppress(OSError):
                self.checkpoint(formation).unlink(missing_ok=True)
        return adopted

    def clear_checkpoints(self) -> None:
        """See ``Study``; not while others are at work at the same place."""
        self._place.clear()

    def _next_stack(self) -> int:
        return time.time_ns() << 16 | secrets.randbits(16)

    def _write_stacks(self, formed: Sequence[Formation]) -> None:
        for formation in formed:
            self._waiting_stacks |= dict.fromkeys(formation.members, formation)
        self._outage.if_possible(self._write_what_waits)

    def _in_training(self) -> set[int]:
        return self._mine

    def _choose_again(self, n: int) -> list[int]:
        """Stacks that can be formed again here as they were, or else single runs."""
        here = [number for number in self._stale if self._is_from_here(self._records[number])]
        return here or self._stale[:n]

    def _is_from_here(self, record: Record) -> bool:
        stack = record.attributes.get(STACK)
        if stack is not None and self.place and stack.get("place") == self.place:
            return True
        return stack is None and self._place.has_lost(str(record.attributes.get(_OWNER)))

    # Inside: reading what the others did

    def _refresh(self) -> None:
        began = time.monotonic()
        if self._forgotten:
            self._remember()
            return
        known = {number: record.state for number, record in self._records.items()}
        for record in self._store.records(self._id, known):
            number, before = record.number, self._records.get(record.number)
            if number in self._unwritten:
                continue  # here, it has ended
            self._records[number] = record
            if before is None:
                self._search.saw(record.attributes, config_of(record.attributes))
            if (before is None or before.state != record.state) and self._search.bayes is not None:
                self._teach(self._search, record)
        self._look_round()
        self._reading = time.monotonic() - began

    def _forget(self) -> None:
        self._forgotten = True

    def _remember(self) -> None:
        """Read everything: after a turn that failed, what is known here may never have been."""
        ended = {number: self._records[number] for number in self._unwritten}
        self._records = {r.number: r for r in self._store.records(self._id)} | ended
        self._search = self._resume(self._seed)
        self._forgotten = False
        self._look_round()

    def _look_round(self) -> None:
        self._read = time.monotonic()
        running = [r for r in self._records.values() if r.state == "running"]
        own = {r.number for r in running if r.attributes.get(_OWNER) == self.owner}
        self._lost |= (self._mine - own) | self._late
        self._late = set()
        self._mine &= own
        self._stale = [record.number for record in running if self._is_left_alone(record)]
        self._news |= self._records.keys() - self._mine - self._seen
        self._seen = {r.number for r in self._records.values() if r.state != "running"}

    def _is_left_alone(self, record: Record) -> bool:
        """Whether nobody trains a running point any more."""
        if record.number in self._mine:
            return False
        if record.attributes.get(_OWNER) == self.owner:
            return True  # from a turn of which this process has not heard that it succeeded
        if self._place.has_lost(str(record.attributes.get(_OWNER))):
            return True
        # After an outage, the heartbeats of all are as old as the outage.
        return record.left_alone and not self._outage.recent(_tables.GRACE)

    # Inside: telling

    def _marks(self) -> dict[str, Any]:
        return {_OWNER: self.owner}

    def _take_over(self, points: Iterable[Point]) -> None:
        """Mark what was handed out again as this process's."""
        records = [self._records[point.number] for point in points]
        taken = [record for record in records if record.attributes.get(_OWNER) != self.owner]
        self._store.update(taken, _OWNER, [self.owner] * len(taken))
        self._store.beat([record.trial_id for record in records])

    def _end(
        self,
        point: Point,
        state: str,
        value: float | None,
        told: dict[str, Any],
        steps: Mapping[int, float],
    ) -> Row:
        number = point.number
        before = self._records[number]
        ended = dataclasses.replace(
            before, state=state, finished=datetime.now(), attributes=before.attributes | told
        )

        def write() -> bool:
            running = dataclasses.replace(before, finished=ended.finished)
            return self._store.finish(running, state, value, told, steps)

        row = to_row(ended, self.sweep.metric, alive=True)
        self._unwritten[number] = write
        self._records[number] = ended
        self._mine.discard(number)
        if self._search.bayes is not None:
            self._search.bayes.tell(number, value, counts=state != "fail")
        self._outage.if_possible(self._write_what_waits)
        self._set_heart()
        return row

    def _write_what_waits(self) -> None:
        for number, write in list(self._unwritten.items()):
            if not write():
                # Somebody else was first, and that is read the next time.
                self._records[number].state = "running"
                self._late.add(number)
            del self._unwritten[number]
        stacks = {n: stack for n, stack in self._waiting_stacks.items() if n in self._mine}
        records = [self._records[number] for number in stacks]
        self._store.update(records, STACK, [stack.as_dict() for stack in stacks.values()])
        self._waiting_stacks.clear()

    def _look_for_stop(self) -> bool:
        asked = False

        def look() -> None:
            nonlocal asked
            asked = Study._look_for_stop(self)

        self._outage.if_possible(look)
        return asked

    def _write_steps(self) -> None:
        self._outage.if_possible(super()._write_steps)

    def _leave(self) -> None:
        self._write_what_waits()
        own = [self._records[number] for number in self._mine]
        left = [r.trial_id for r in own if r.attributes.get(_OWNER) == self.owner]
        self._store.let_go(left)

    def _set_heart(self) -> None:
        alive = self._mine | self._unwritten.keys()
        self._heart.beats_for(self._records[number].trial_id for number in alive)
