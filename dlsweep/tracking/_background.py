"""Runs that are opened and closed in the background, so that training never waits for a server."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any

from dlsweep.config import RunConfig
from dlsweep.tracking._errors import TrackingError
from dlsweep.tracking._opening import Opener, patient_settings
from dlsweep.tracking._outcome import Outcome
from dlsweep.tracking._pool import Pool, Result
from dlsweep.tracking._run import FLUSH_SECONDS, KILLED, TrackedRun, open_run
from dlsweep.tracking._sync import mark_synced
from dlsweep.training import STOPPED, EpochMetrics

_log = logging.getLogger("dlsweep.tracking")

THREADS = 25
"""How many runs are opened or closed at a time."""

_THREADS_OFFLINE = 4

_PATIENCE = 300.0  # seconds to try for the tables and pictures of a run
_LONG = 10.0  # seconds of waiting after which a warning is logged
_GRACE = 3.0  # seconds that closing runs get before an immediate exit


class BackgroundRun:
    """A ``TrackedRun`` whose methods do not wait for a server.

    What is logged before the run is open is kept, and logged once it is. Made by
    ``Background.open``.

    Attributes:
        id, config: the run's.
        stop_asked: whether the server has asked to stop the run: a user has clicked on "stop".
        opened: has the open run, or the error that was raised.
        closed: done when the run is closed; None until it is to be closed.
    """

    def __init__(
        self, owner: Background, run_id: str, config: RunConfig, again: bool, arguments: Any
    ) -> None:
        self.id = run_id
        self.config = config
        self.stop_asked = False
        self._owner = owner
        self._older, self._arguments = again, arguments
        self._waiting: list[tuple[EpochMetrics, Outcome | None]] = []
        self._outcome: Outcome | None = None
        self._again = self._kept = False
        self.opened = owner.submit(self._open_after, owner.closing(run_id))
        self.closed: Future[None] | None = None

    def _open_after(self, earlier: Future[None] | None) -> TrackedRun:
        if earlier is not None:  # wandb's service does not open an id twice at a time
            wait([earlier])
        tracked = self._owner.opener.open(self._open, self.id)
        if self._older:
            tracked.remove_older()
        return tracked

    def _open(self, mode: str, run_id: str) -> TrackedRun:
        more = patient_settings(self._ask_to_stop) if self._owner.online else None
        return open_run(self.config, mode=mode, run_id=run_id, more=more, **self._arguments)

    def _ask_to_stop(self) -> None:
        self.stop_asked = True
        self._owner.on_stop(self.id)

    def log(self, metrics: EpochMetrics, outcome: Outcome | None = None) -> None:
        """Log an epoch; with the run's last epoch comes its outcome, and only ``close`` after it.

        Raises:
            TrackingError: where the run could not even be kept on disk.
        """
        self._waiting.append((metrics, outcome))
        self._outcome = outcome
        # The tables of an outcome take long: they are left to the thread that closes the run.
        if outcome is None and self.opened.done():
            self._log_waiting(self.opened.result())

    def _log_waiting(self, tracked: TrackedRun) -> None:
        while self._waiting:
            metrics, outcome = self._waiting[0]
            tracked.log(metrics, outcome, patience=_PATIENCE)
            self._waiting.pop(0)

    @property
    def name(self) -> str:
        """The run's name, which W&B may choose; its id as long as it is not open."""
        if not self.opened.done():
            return self.id
        return str(self.opened.result().wandb.name or self.id)

    @property
    def directory(self) -> Path:
        """The run's own directory; waits until the run is open, as do those that follow."""
        return self.opened.result().directory

    @property
    def model(self) -> Path | None:
        """The file in which the model is kept, once it is."""
        if self._outcome is None or self._outcome.model is None:
            return None
        tracked = self.opened.result()
        tracked.accept(self._outcome)
        return tracked.model

    def finish(self) -> None:
        """Close the run: as killed where the server asked to stop it and it was stopped."""
        if self._owner.online:
            _ = self.model  # is written now, for the closing thread may wait for the server
        killed = self.stop_asked and self._outcome is not None and self._outcome.status == STOPPED
        self.close(lambda tracked: tracked.finish(KILLED if killed else 0))

    def fail(self, reason: str) -> None:
        """Close the run as failed, with the reason in its summary."""
        self.close(lambda tracked: tracked.fail(reason))

    def leave(self, reason: str) -> None:
        """Close the run as failed; it is trained again, so what W&B lacks of it does not matter."""
        self._again = True
        self.fail(reason)

    def close(self, end: Callable[[TrackedRun], None]) -> None:
        """Close the run with ``end``, after all that was logged, unless it is being closed."""
        if self.closed is None:
            self.closed = self._owner.submit_closing(self.id, lambda: self._close(end))

    def wait(self) -> None:
        """Wait until a run that was closed is whole on the disk; only if it is not online."""
        if self.closed is not None and not self._owner.online:
            wait([self.closed])

    def _close(self, end: Callable[[TrackedRun], None]) -> None:
        if self._kept:
            return
        tracked, sent = self.opened.result(), False
        try:
            self._log_waiting(tracked)
            end(tracked)
            sent = not tracked.offline
        except TimeoutError:
            pass
        finally:
            self._owner.closed(self, tracked.directory, sent or self._again)

    def keep(self) -> None:
        """Write to the disk all that has been logged, without asking the server for anything."""
        self._kept = True
        if self._again or (self.closed is not None and self.closed.done()):
            return
        waiting = list(self._waiting)
        if self.opened.done():
            tracked = self.opened.result()
        elif waiting:
            tracked = self._owner.opener.open_apart(self._open, self.id)
        else:
            return
        last = tracked.last_epoch()
        for metrics, outcome in waiting:
            if metrics.epoch > last:
                tracked.log_plainly(metrics, outcome)
        tracked.last_epoch()
        self._owner.unsent[tracked.directory] = self.id


class Background:
    """Opens and closes the runs of a process in the background.

    Args:
        mode: of the runs, "online" or another of wandb's modes. Runs that are not online wait for
            the disk and for wandb's service only; they are whole on the disk once closed.
        on_stop: called, in another thread, with the id of a run that the server asks to stop.
        on_closed: called, in another thread, with the id of a run that is closed.
    """

    def __init__(
        self,
        mode: str,
        on_stop: Callable[[str], None] = lambda _: None,
        on_closed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.opener = Opener(mode)
        self.on_stop = on_stop
        self.unsent: dict[Path, str] = {}
        """The folders of the runs of which W&B does not have everything, with the runs' ids."""
        self._on_closed = on_closed
        self._pool = Pool(THREADS if self.online else _THREADS_OFFLINE)
        self._runs: dict[str, BackgroundRun] = {}
        self._closing: dict[str, Future[None]] = {}

    @property
    def online(self) -> bool:
        """Whether runs go to a server while they train."""
        return self.opener.mode == "online"

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Call a function in the background."""
        return self._pool.submit(function, *arguments)

    def open(
        self, run_id: str, config: RunConfig, *, again: bool = False, **arguments: Any
    ) -> BackgroundRun:
        """Open a run; if it cannot be online it is kept offline.

        Args:
            run_id: the run's id.
            config: its configuration.
            again: whether to remove what earlier attempts at the run have left on the disk.
            arguments: further ones of ``open_run``.
        """
        run = self._runs[run_id] = BackgroundRun(self, run_id, config, again, arguments)
        return run

    def closing(self, run_id: str) -> Future[None] | None:
        """The last closing of a run with this id, if there was one."""
        return self._closing.get(run_id)

    def submit_closing(self, run_id: str, close: Callable[[], None]) -> Future[None]:
        """Close a run in the background, then call ``on_closed``."""

        def closing() -> None:
            try:
                close()
            except Exception as error:
                _log.warning("run %s could not be closed: %s", run_id, error)
            finally:
                self._on_closed(run_id)

        self._closing = {i: future for i, future in self._closing.items() if not future.done()}
        future = self._closing[run_id] = self.submit(closing)
        return future

    def closed(self, run: BackgroundRun, folder: Path, sent: bool) -> None:
        """Record that a run is closed, and whether W&B has all that it needs of it."""
        if self._runs.get(run.id) is run:
            del self._runs[run.id]
        self._note(folder, run.id, sent)

    def _note(self, folder: Path, run_id: str, sent: bool) -> None:
        if self.online and folder.is_dir():
            if sent:
                mark_synced(folder)
            else:
                self.unsent[folder] = run_id

    def show(self, show: Callable[[], tuple[Path, bool]]) -> Future[Path]:
        """Make a run that trains nothing; ``show`` returns its folder and whether it was sent."""

        def shown() -> Path:
            folder, sent = show()
            self._note(folder, folder.name.rpartition("-")[2], sent)
            return folder

        return self.submit(shown)

    def wait(self) -> None:
        """Wait until all closed runs have been sent, or wandb has given up."""
        _, late = wait(list(self._closing.values()), timeout=_LONG)
        if late:
            still = f"{len(late)} runs are still being sent to W&B"
            _log.warning("%s; Ctrl-C twice leaves them on the disk", still)
            wait(late)

    def keep(self) -> None:
        """Write to the disk all that has been logged, before an exit that waits for no server.

        wandb's service writes only every now and then, and dies with this process.
        """
        wait(list(self._closing.values()), timeout=_GRACE)
        runs = list(self._runs.values())
        for run in runs:
            try:
                run.keep()
            except (TrackingError, OSError) as error:
                _log.warning("run %s: %s", run.id, error)
        if runs:
            time.sleep(3 * FLUSH_SECONDS)
