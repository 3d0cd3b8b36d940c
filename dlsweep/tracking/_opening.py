"""Runs opened online, or kept offline where W&B cannot be reached."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from dlsweep.tracking._errors import TrackingError
from dlsweep.tracking._mode import api_key
from dlsweep.tracking._server import Server, Unreachable

_log = logging.getLogger("dlsweep.tracking")

_FINISH_TIMEOUT = 600.0
_INIT_TIMEOUT = 90.0  # wandb's own
_KNOCK_TIMEOUT = 10.0
_AGAIN_SECONDS = 1.0
_FRESH_SECONDS = 5.0

Run = TypeVar("Run")

_OTHER_ID = "-offline"
"""The suffix of the id of a run that wandb could not open, for it keeps the id itself taken."""


class Opener:
    """Opens the runs of a process; those that cannot be opened online now are offline runs.

    wandb's service does not free the id of a run that it could not open, and under another id
    `wandb sync` would make another run of it. So the server is first asked whether it answers, once
    for all runs that are being opened.

    Args:
        mode: of the runs, "online" or another of wandb's modes.
    """

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self._patience = float(os.environ.get("WANDB_INIT_TIMEOUT") or _INIT_TIMEOUT)
        self._server: Server | None = None
        self._lock = threading.Lock()
        self._answered = self._asked = float("-inf")
        self._silent_since: float | None = None

    def open(self, opened: Callable[[str, str], Run], run_id: str) -> Run:
        """Open a run; may be called from several threads.

        Args:
            opened: opens it, in a mode and with an id.
            run_id: its id.

        Raises:
            TrackingError: if it could not even be kept offline.
        """
        if self.mode != "online":
            return opened(self.mode, run_id)
        if not self._reachable():
            return opened("offline", run_id)
        try:
            return opened("online", run_id)
        except TrackingError as error:
            _log.warning("run %s is kept offline: %s", run_id, error)
            return self.open_apart(opened, run_id)

    def open_apart(self, opened: Callable[[str, str], Run], run_id: str) -> Run:
        """Open a run offline while wandb may still be at opening it online; see ``synced_as``."""
        return opened("offline", f"{run_id}{_OTHER_ID}")

    def check(self) -> None:
        """Check that the server answers and knows this user.

        Raises:
            TrackingError: if it does not.
        """
        if self.mode == "online" and api_key() is not None:
            self._knock()

    def _reachable(self) -> bool:
        """Whether the server answers; waits for it as long as wandb would."""
        with self._lock:  # one asks for all
            while (now := time.monotonic()) - self._answered >= _FRESH_SECONDS:
                given_up = now - (self._silent_since or now) > self._patience
                if given_up and now - self._asked < _FRESH_SECONDS:
                    return False
                try:
                    self._knock()
                    break
                except Unreachable as error:
                    if given_up:
                        return False
                    if self._silent_since is None:
                        self._silent_since = now
                        _log.warning("%s; it is asked again for %.0f s", error, self._patience)
                    time.sleep(_AGAIN_SECONDS)
                except TrackingError:
                    break  # wandb reports what is wrong
            return True

    def _knock(self) -> None:
        if self._server is None:
            self._server = Server()
        self._asked = time.monotonic()
        self._server.viewer(min(_KNOCK_TIMEOUT, self._patience))
        self._answered, self._silent_since = time.monotonic(), None


def patient_settings(on_stop: Callable[[], None]) -> dict[str, Any]:
    """wandb's settings for a run beside others that are online.

    Args:
        on_stop: called, in another thread, when the server asks for the run's end: a user's click.
            By default wandb interrupts the main thread, and with it every run of the process.
    """
    settings: dict[str, Any] = {"stop_fn": on_stop, "finish_timeout_raises": True}
    if "WANDB_FINISH_TIMEOUT" not in os.environ:
        settings["finish_timeout"] = _FINISH_TIMEOUT
    return settings


def synced_as(folder: Path) -> str | None:
    """The id that `wandb sync` needs as ``--id`` for a run's folder; None if the folder has it."""
    if not folder.name.endswith(_OTHER_ID):
        return None
    return folder.name.removesuffix(_OTHER_ID).rpartition("-")[2]
