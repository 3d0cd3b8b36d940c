"""Jobs run one at a time in a thread of this process."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence

import torch

from dlsweep.sweep.execution._executor import Executor, Worker, WorkerDied
from dlsweep.sweep.execution._job import serve

_END_SECONDS = 1.0
"""How long the thread may take to reach the end of an epoch when the executor is closed."""


class InProcessExecutor(Executor):
    """Runs one job at a time in this process, with as many of its threads as the job gains from.

    Args:
        device: see ``Executor``.
    """

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(1, device)

    def _launch(self, place: int) -> Worker:
        return _ThreadWorker()

    def _wait(self, workers: Sequence[Worker], timeout: float) -> Sequence[Worker]:
        return [w for w in workers if isinstance(w, _ThreadWorker) and w.wait(timeout)]


class _Closed(EOFError):
    """The driver has ended the connection."""


class ThreadChannel:
    """The thread's ``Channel``."""

    def __init__(self) -> None:
        self.down: queue.SimpleQueue[object] = queue.SimpleQueue()
        self.up: queue.SimpleQueue[object] = queue.SimpleQueue()
        self.closed = False

    def send(self, message: object) -> None:
        """See ``Channel``."""
        if self.closed:
            raise _Closed
        self.up.put(message)

    def receive(self) -> object:
        """See ``Channel``."""
        message = self.down.get()
        if isinstance(message, _Closed):
            raise message
        return message

    def waiting(self) -> bool:
        """See ``Channel``."""
        return not self.down.empty()


class _ThreadWorker:
    """See ``Worker``. A thread cannot be killed: it ends with its present epoch."""

    def __init__(self) -> None:
        self._channel = ThreadChannel()
        self._next: object = None
        arguments = (self._channel, torch.get_num_threads())
        self._thread = threading.Thread(target=serve, args=arguments, name="worker", daemon=True)
        self._thread.start()

    def send(self, message: object) -> None:
        """See ``Worker``."""
        self._channel.down.put(message)

    def wait(self, timeout: float) -> bool:
        """Whether there is a message within ``timeout`` seconds."""
        if self._channel.closed:
            return True
        try:
            self._next = self._channel.up.get(timeout=timeout)
        except queue.Empty:
            return False
        return True

    def receive(self) -> object:
        """See ``Worker``."""
        if self._channel.closed:
            raise WorkerDied("it was stopped")
        return self._next

    def kill(self) -> None:
        """See ``Worker``."""
        self._channel.closed = True
        self._channel.down.put(_Closed())

    def join(self) -> None:
        """See ``Worker``."""
        self.kill()
        self._thread.join(_END_SECONDS)
