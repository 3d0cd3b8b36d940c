"""wandb runs that are opened, told their last epoch and closed while others train."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any, Protocol

from dlsweep.config import RunConfig
from dlsweep.sweep._hyperband import STOPPED
from dlsweep.sweep._pool import Here, Pool, Result
from dlsweep.tracking import FLUSH_SECONDS, KILLED, Opener, TrackedRun, TrackingError, mark_synced
from dlsweep.training import EpochMetrics, RunResult

_log = logging.getLogger("dlsweep.sweep")

THREADS = 25
"""How many runs are opened or closed at a time."""

_PATIENCE = 300.0  # seconds to try for the pictures of a run
_LONG = 10.0  # seconds of waiting after which the user is told
_GRACE = 3.0  # seconds that runs have to end by themselves when all is to end now

Opened = Callable[[str, str, Callable[[], None]], TrackedRun]
"""Opens a run in a mode, with an id, and with what is called when its end is asked for."""


class _Threads(Protocol):
    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Call a function, soon or now."""


class BackgroundRun:
    """Takes what a ``TrackedRun`` takes, and keeps nobody waiting for a server.

    What is logged before the run is open is logged when it is. Made by ``Background.open``.
    """

    def __init__(self, owner: Background, run_id: str, config: RunConfig, opened: Opened) -> None:
        self.id = run_id
        self.config = config
        self.stop_asked = False
        """Whether the server has asked for the run's end: a user has clicked on stop."""
        self._owner = owner
        self._open = lambda mode, name: opened(mode, name, self._ask_to_stop)
        self._waiting: list[tuple[EpochMetrics, RunResult | None]] = []
        self._result: RunResult | None = None
        self._again = self._kept = False
        self.opened = owner.submit(self._open_it, owner.closing_of(run_id))
        self.closed: Future[None] | None = None

    def _open_it(self, before: Future[None] | None) -> TrackedRun:
        if before is not None:  # its earlier attempt has the id until it is closed
            wait([before])
        return self._owner.opener.open(self._open, self.id)

    def _ask_to_stop(self) -> None:
        self.stop_asked = True
        self._owner.on_stop(self.id)

    def log(self, metrics: EpochMetrics, result: RunResult | None = None) -> None:
        """Log an epoch; with the run's last epoch comes its result, and only ``close`` after it.

        Raises:
            TrackingError: where the run could not even be kept on disk.
        """
        self._waiting.append((metrics, result))
        self._result = result
        # The last epoch's tables are asked of the server: whoever closes the run waits for them.
        if result is None and self.opened.done():
            self._catch_up()

    def _catch_up(self) -> TrackedRun:
        """The open run, when it has been told all its epochs; waits until it is open."""
        tracked = self.opened.result()
        while self._waiting:
            metrics, result = self._waiting[0]
            tracked.log(metrics, result, patience=_PATIENCE)
            self._waiting.pop(0)
        return tracked

    # What a study keeps of a run: it waits until the run is open, which is rarely after its end

    @property
    def name(self) -> str:
        """The run's name, which W&B may choose; its id as long as it is not open."""
        if not self.opened.done():
            return self.id
        return str(self.opened.result().wandb.name or self.id)

    @property
    def directory(self) -> Path:
        """See ``TrackedRun``."""
        return self.opened.result().directory

    @property
    def offline(self) -> bool:
        """See ``TrackedRun``."""
        return self.opened.result().offline

    @property
    def summary(self) -> dict[str, Any]:
        """See ``TrackedRun``."""
        return self._concluded().summary

    @property
    def model(self) -> Path | None:
        """See ``TrackedRun``."""
        return self._concluded().model

    def _concluded(self) -> TrackedRun:
        tracked = self.opened.result()
        if self._result is not None:
            tracked.conclude(self._result)
        return tracked

    # Its end

    def finish(self) -> None:
        """Close the run: as killed where the server asked for its end."""
        self._concluded()
        stopped = self.stop_asked and self._result is not None and self._result.status == STOPPED
        self.close(lambda tracked: tracked.finish(KILLED if stopped else 0))

    def fail(self, reason: str) -> None:
        """Close the run as failed, with the reason in its summary."""
        self.close(lambda tracked: tracked.fail(reason))

    def leave(self, reason: str) -> None:
        """Close the run as failed, for it is trained again: nobody misses what is not sent."""
        self._again = True
        self.fail(reason)

    def discard(self, reason: str) -> None:
        """Close the run as failed, for it is tried again; kept on disk only, it is removed."""
        self._again = True
        self.close(lambda tracked: tracked.discard(reason))

    def close(self, end: Callable[[TrackedRun], None]) -> None:
        """Close the run with ``end``, after all that was logged."""
        self.closed = self._owner.later(self.id, lambda: self._close(end))

    def _close(self, end: Callable[[TrackedRun], None]) -> None:
        if self._kept:
            return
        tracked = self._catch_up()
        folder, sent = tracked.directory, False
        try:
            end(tracked)
            sent = not tracked.offline
        except TimeoutError:
            pass
        finally:
            self._owner.over(self, folder, sent or self._again)

    def keep(self) -> None:
        """Put on the disk what has been logged, without asking the server for anything."""
        self._kept = True
        if self._again or (self.closed is not None and self.closed.done()):
            return
        waiting = list(self._waiting)
        if not self.opened.done():
            if not waiting:
                return
            tracked = self._owner.opener.open_apart(self._open, self.id)
        else:
            tracked = self.opened.result()
        last = tracked.last_epoch()
        for metrics, result in waiting:
            if metrics.epoch > last:
                tracked.log_plainly(metrics, result)
        tracked.last_epoch()
        self._owner.unsent[tracked.directory] = self.id


class Background:
    """The runs of a process in the background.

    Args:
        mode: of the runs, "online" or another of wandb's modes. Where they are not online there is
            nothing to wait for: all is done at once, by whoever asks for it.
        on_stop: called, in another thread, with the id of a run whose end the server asks for.
        on_closed: likewise, with the id of a run of which the server knows that it is over.
    """

    def __init__(
        self,
        mode: str,
        on_stop: Callable[[str], None] = lambda _: None,
        on_closed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.opener = Opener(mode)
        self.on_stop = on_stop
        self._on_closed = on_closed
        self._threads: _Threads = Pool(THREADS) if mode == "online" else Here()
        self._runs: dict[str, BackgroundRun] = {}
        self._closing: dict[str, Future[None]] = {}
        self.unsent: dict[Path, str] = {}
        """The folders of the runs of which W&B does not have everything, with the runs' ids."""

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Call a function in the background."""
        return self._threads.submit(function, *arguments)

    def open(self, run_id: str, config: RunConfig, opened: Opened) -> BackgroundRun:
        """Open a run; where it cannot be online it is kept offline."""
        run = self._runs[run_id] = BackgroundRun(self, run_id, config, opened)
        return run

    def closing_of(self, run_id: str) -> Future[None] | None:
        """An earlier run with this id, where it is not closed yet."""
        return self._closing.get(run_id)

    def later(self, run_id: str, task: Callable[[], None]) -> Future[None]:
        """Do what ends a run."""

        def done() -> None:
            try:
                task()
            except Exception as error:
                _log.warning("run %s could not be closed: %s", run_id, error)
            finally:
                self._on_closed(run_id)

        self._closing = {i: future for i, future in self._closing.items() if not future.done()}
        future = self._closing[run_id] = self.submit(done)
        return future

    def over(self, run: BackgroundRun, folder: Path, sent: bool) -> None:
        """A run is closed, and W&B has all that it shall have of it, or not."""
        if self._runs.get(run.id) is run:
            del self._runs[run.id]
        self._note(folder, run.id, sent)

    def _note(self, folder: Path, run_id: str, sent: bool) -> None:
        if self.opener.mode == "online" and folder.is_dir():
            if sent:
                mark_synced(folder)
            else:
                self.unsent[folder] = run_id

    def show(self, show: Callable[[], tuple[Path, bool]]) -> Future[Path]:
        """Make a run that is no training; ``show`` gives its folder and whether it was sent."""

        def shown() -> Path:
            folder, sent = show()
            self._note(folder, folder.name.rpartition("-")[2], sent)
            return folder

        return self.submit(shown)

    def wait(self) -> None:
        """Wait until all that was closed has been sent, or given up."""
        _, late = wait(list(self._closing.values()), timeout=_LONG)
        if late:
            still = f"{len(late)} runs are still being sent to W&B"
            _log.warning("%s; Ctrl-C twice leaves them on the disk", still)
            wait(late)

    def keep(self) -> None:
        """Put on the disk all that has been logged: for when nobody waits for the server any more.

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
