"""Threads for calls that wait for a server, for the disk or for another process."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

Result = TypeVar("Result")


class Pool:
    """Calls functions in threads.

    Unlike those of ``concurrent.futures`` its threads never keep a program from ending: one that
    waits for a server that does not answer is left behind.

    Args:
        threads: the most threads; they are started as they are needed.
    """

    def __init__(self, threads: int) -> None:
        self._most = threads
        self._tasks: queue.SimpleQueue[tuple[Future[Any], Callable[..., Any], Any]] = (
            queue.SimpleQueue()
        )
        self._idle = threading.Semaphore(0)
        self._started = 0
        self._lock = threading.Lock()

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Call a function soon; the future has its result or its exception."""
        future: Future[Result] = Future()
        self._tasks.put((future, function, arguments))
        if not self._idle.acquire(blocking=False):
            with self._lock:
                if self._started < self._most:
                    self._started += 1
                    threading.Thread(target=self._work, name="tracking", daemon=True).start()
        return future

    def _work(self) -> None:
        while True:
            future, function, arguments = self._tasks.get()
            try:
                future.set_result(function(*arguments))
            except BaseException as error:
                future.set_exception(error)
            del future, function, arguments  # or a result would live as long as the thread waits
            self._idle.release()
