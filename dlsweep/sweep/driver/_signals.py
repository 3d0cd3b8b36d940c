"""Ctrl-C, and the signal by which clusters announce that a job's time is up."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def leaving_on_signals(leave: Callable[[int], None]) -> Iterator[None]:
    """Call ``leave`` with the number of the first SIGINT or SIGTERM; a later SIGINT interrupts.

    A later SIGTERM does not: batch systems may send it several times before they kill.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    left = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal left
        if left and number == signal.SIGINT:
            raise KeyboardInterrupt
        left = True
        leave(number)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
