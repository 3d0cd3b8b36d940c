"""Work with a database that may be out of reach for a while."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from dlsweep.sweep._database import connection_lost, reason_of
from dlsweep.sweep._store import Store

T = TypeVar("T")
_log = logging.getLogger("dlsweep.sweep")

HEARTBEAT = 10.0
"""Seconds between the heartbeats of a machine's runs."""

_LONGEST_PAUSE = 10.0


class Outage:
    """When the database was out of reach; used by two threads.

    Args:
        failed: called when work that is done again and again has failed.
    """

    def __init__(self, failed: Callable[[], None]) -> None:
        self._failed = failed
        self._last = -float("inf")
        self._now = False

    def begins(self, error: BaseException) -> None:
        """The database did not answer."""
        self._last = time.monotonic()
        if not self._now:
            self._now = True
            _log.warning("the database does not answer, trying again: %s", reason_of(error))

    def ends(self) -> None:
        """It answered."""
        if self._now:
            self._now = False
            _log.warning("the database is back")

    def recent(self, seconds: float) -> bool:
        """Whether it was out of reach within the last seconds."""
        return time.monotonic() - self._last < seconds

    def patiently(self, work: Callable[[], T], patience: float = float("inf")) -> T:
        """Do something with the database, as often as it takes to reach it."""
        end = time.monotonic() + patience
        pause = 0.1
        while True:
            try:
                found = work()
            except Exception as error:
                self._failed()
                if not connection_lost(error):
                    raise
                self.begins(error)
                if time.monotonic() + pause > end:
                    raise TimeoutError from error
            else:
                self.ends()
                return found
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def if_possible(self, work: Callable[[], None]) -> None:
        """Do something with the database unless it cannot be reached."""
        try:
            work()
        except Exception as error:
            if not connection_lost(error):
                raise
            self.begins(error)


class Heart:
    """A thread that says which runs are still being trained."""

    def __init__(self, store: Store, outage: Outage) -> None:
        self._store = store
        self._outage = outage
        self._alive: list[int] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def beats_for(self, trial_ids: Iterable[int]) -> None:
        """Which ones, from now on."""
        self._alive = list(trial_ids)

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT):
            try:
                self._store.beat(self._alive)
            except Exception as error:
                if not connection_lost(error):
                    raise
                self._outage.begins(error)
