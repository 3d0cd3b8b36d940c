"""A worker process: ``run(fd, ...)`` runs jobs that come through a pipe, until the pipe closes.

It is started by ``_processes`` with ``subprocess``, not with ``multiprocessing``, because that
runs the caller's main script again in every worker.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from multiprocessing.connection import Connection

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Signals that a process group receives; the driver handles them for all of its workers."""


class Pipe:
    """The ``Channel`` over a pipe."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def send(self, message: object) -> None:
        """Send a message to the driver."""
        self._connection.send(message)

    def receive(self) -> object:
        """The next message of the driver; waits for it. EOFError once there are no more."""
        return self._connection.recv()

    def waiting(self) -> bool:
        """Whether a message can be received at once."""
        return self._connection.poll()


def run(descriptor: int, threads: int, gpu: int | None) -> None:
    """Run jobs until the driver closes the pipe.

    Args:
        descriptor: the file descriptor of the worker's end of the pipe.
        threads: how many threads a job that gains from several may use.
        gpu: the index of the GPU to use; None for the default.
    """
    from dlsweep.sweep.execution._job import serve  # which imports PyTorch

    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    if gpu is not None:
        import torch

        torch.cuda.set_device(gpu)
    serve(Pipe(Connection(descriptor)), threads)


def _exit_with_parent() -> None:
    """End this process, even in the middle of an epoch, when its parent has ended.

    Standard input is a pipe whose other end only the parent holds.
    """
    sys.stdin.buffer.read()
    os._exit(1)
