"""What a command is doing, shown in a terminal once it takes more than a second."""

from __future__ import annotations

import threading

from rich.console import Console

PATIENCE = 1.0
"""Seconds before anything is shown."""


class Steps:
    """The present step of a command, in the last line of a terminal; nothing in a file or a pipe.

    A context: while it is open, calling it with a step, such as "reading the runs", shows that.

    Args:
        console: where it is shown; standard error by default.
        patience: seconds from the beginning before anything is shown.
    """

    def __init__(self, console: Console | None = None, patience: float = PATIENCE) -> None:
        console = console or Console(stderr=True)
        self._status = console.status("")
        self._live = console.is_terminal
        self._lock = threading.Lock()
        self._over = False
        self._timer = threading.Timer(patience, self._show)
        self._timer.daemon = True

    def __call__(self, step: str) -> None:
        """Show what is done from now on."""
        self._status.update(f"dlsweep: {step} …")

    def __enter__(self) -> Steps:
        if self._live:
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            self._over = True
            self._status.stop()

    def _show(self) -> None:
        with self._lock:
            if not self._over:
                self._status.start()
