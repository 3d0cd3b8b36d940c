"""A study that several machines train together: the database is all that they share.

Each asks in its turn, under a lock in the database, after reading what the others did. The runs of
a machine have heartbeats; one without them for ``GRACE`` seconds is handed out again, and the first
result of a run counts, whoever comes second. While the database cannot be reached, training goes
on, results wait in memory, and asking waits.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from dlsweep.sweep import _tables
from dlsweep.sweep._formation import Formation
from dlsweep.sweep._outage import Heart, Outage
from dlsweep.sweep._point import Point, config_of
from dlsweep.sweep._rows import Row, to_row
from dlsweep.sweep._store import Store
from dlsweep.sweep._study import Study
from dlsweep.sweep._tables import Record

_log = logging.getLogger("dlsweep.sweep")

_OWNER = "owner"
_NEWS = 5.0  # seconds; older knowledge of the others is brought up to date
_LAST_PATIENCE = 30.0  # seconds, for what is still to be written when this machine leaves


class SharedStudy(Study):
    """See ``Study``; this process is one of several owners."""

    def __init__(self, store: Store, *arguments: Any) -> None:
        self.owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._mine: set[int] = set()
        self._unwritten: dict[int, Callable[[], bool]] = {}
        self._forgotten = False
        self._news: set[int] = set()
        self._seen: set[int] = set()
        self._read = time.monotonic()
        self._outage = Outage(self._forget)
        super().__init__(store, *arguments)
        self._stale = []  # found when asked
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
            self._heart.stop()
            super().close()

    def ask(self, n: int = 1) -> list[Point]:
        """See ``Study``; waits for its turn, and for the database."""

        def take_turn() -> list[Point]:
            self._write_what_waits()
            with self._store.turn(self._id):
                self._refresh()
                points = Study.ask(self, n)
                self._take_over(points)
            return points

        points = self._outage.patiently(take_turn)
        self._mine |= {point.number for point in points}
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
        if time.monotonic() - self._read > _NEWS:
            self._outage.if_possible(self._refresh)
        rows = [self._row(number) for number in sorted(self._news)]
        self._news.clear()
        return rows

    def died(self, points: Sequence[Point]) -> list[Point]:
        """See ``Study``."""
        return self._outage.patiently(lambda: Study.died(self, points))

    # Inside: stacks. Other machines could not form the same ones again: their checkpoints are here.

    def _next_stack(self) -> int:
        return secrets.randbits(48)

    def _write_stacks(self, formed: Sequence[Formation]) -> None:
        pass

    # Inside: reading what the others did

    def _refresh(self) -> None:
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
        self._mine &= {record.number for record in running}
        self._stale = [record.number for record in running if self._is_left_alone(record)]
        self._news |= self._records.keys() - self._mine - self._seen
        self._seen = {r.number for r in self._records.values() if r.state != "running"}

    def _is_left_alone(self, record: Record) -> bool:
        """Whether nobody trains a running point any more."""
        if record.number in self._mine:
            return False
        if record.attributes.get(_OWNER) == self.owner:
            return True  # from a turn of which this process has not heard that it succeeded
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
            del self._unwritten[number]

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
