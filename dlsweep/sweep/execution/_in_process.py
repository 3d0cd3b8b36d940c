"""Jobs run in threads of this process."""

from __future__ import annotations

import functools
import queue
import threading
from collections.abc import Callable, Sequence

import torch

from dlsweep.sweep.execution._executor import Executor, Worker, WorkerDied
from dlsweep.sweep.execution._job import serve

_END_SECONDS = 1.0
"""How long the thread may take to reach the end of an epoch when the executor is closed."""


class InProcessExecutor(Executor):
    """Runs each job in a thread of this process, with as many more threads as the job gains from.

    Args:
        slots: how many jobs run at once. More than one suits programs, which the threads only
            watch; stacks would be in each other's way.
        device: see ``Executor``.
    """

    def __init__(self, slots: int = 1, device: str = "cpu") -> None:
        super().__init__(slots, device)
        self._heard: queue.SimpleQueue[Worker] = queue.SimpleQueue()

    def _launch(self, place: int) -> Worker:
        return _ThreadWorker(self._heard.put, max(1, torch.get_num_threads() // self.slots))

    def _wait(self, workers: Sequence[Worker], timeout: float) -> Sequence[Worker]:
        try:
            worker = self._heard.get(timeout=timeout)
        except queue.Empty:
            return []
        return [worker] if worker in workers else []  # else it was replaced


class _Closed(EOFError):
    """The driver has ended the connection."""


class ThreadChannel:
    """The thread's ``Channel``.

    Args:
        notify: called after each message to the driver.
    """

    def __init__(self, notify: Callable[[], object] = lambda: None) -> None:
        self.down: queue.SimpleQueue[object] = queue.SimpleQueue()
        self.up: queue.SimpleQueue[object] = queue.SimpleQueue()
        self.closed = False
        self._notify = notify

    def send(self, message: object) -> None:
        """Send a message to the driver."""
        if self.closed:
            raise _Closed
        self.up.put(message)
        self._notify()

    def receive(self) -> object:
        """The next message of the driver; waits for it. EOFError once there are no more."""
        message = self.down.get()
        if isinstance(message, _Closed):
            raise message
        return message

    def waiting(self) -> bool:
        """Whether a message can be received at once."""
        return not self.down.empty()


class _ThreadWorker:
    """A ``Worker`` that is a thread. It cannot be killed: it ends with its present epoch.

    Args:
        notify: called with this worker for each message that ``receive`` has, and for its end.
        threads: see ``Context``.
    """

    def __init__(self, notify: Callable[[Worker], object], threads: int) -> None:
        self._notify = functools.partial(notify, self)
        self._channel = ThreadChannel(self._notify)
        arguments = (self._channel, threads)
        self._thread = threading.Thread(target=serve, args=arguments, name="worker", daemon=True)
        self._thread.start()

    def send(self, message: object) -> None:
        self._channel.down.put(message)

    def receive(self) -> object:
        if self._channel.closed:
            raise WorkerDied("it was stopped")
        return self._channel.up.get()

    def kill(self) -> None:
        self._channel.closed = True
        self._channel.down.put(_Closed())
        self._notify()

    def join(self) -> None:
        self._thread.join(_END_SECONDS)
