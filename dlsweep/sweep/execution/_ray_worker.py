"""A worker in a Ray cluster: an actor that passes messages between its driver and ``serve``."""

from __future__ import annotations

import contextlib
import os
import platform
import queue
import threading

from dlsweep.sweep.execution._in_process import ThreadChannel
from dlsweep.sweep.execution._job import serve


class RayWorker:
    """Runs jobs in a thread. Its methods are called in threads of their own by Ray."""

    def __init__(self) -> None:
        self._channel = ThreadChannel()
        notice = restore_priority()
        threading.Thread(target=self._serve, args=[notice], daemon=True).start()

    def _serve(self, notice: str) -> None:
        try:
            serve(self._channel, threads=1, host=platform.node(), notice=notice)
        except Exception as error:
            self._channel.send(error)

    def collect(self) -> list[object]:
        """Wait for messages to the driver; all there are. An error of ``serve`` is raised."""
        messages = [self._channel.up.get()]
        with contextlib.suppress(queue.Empty):
            while True:
                messages.append(self._channel.up.get_nowait())
        if isinstance(messages[-1], Exception):
            raise messages[-1]
        return messages

    def post(self, message: object) -> None:
        """Take a message of the driver."""
        self._channel.down.put(message)


def restore_priority() -> str:
    """Give this process the priority of the Ray node that started it.

    Ray starts its workers with a nice value of 15: on a busy machine they would hardly run.

    Returns:
        A line for the user if that is not allowed, else nothing.
    """
    wanted = os.getpriority(os.PRIO_PROCESS, os.getppid())
    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    if niceness <= wanted:
        return ""
    try:
        threads = [int(name) for name in os.listdir("/proc/self/task")]  # Linux: each has its own
    except OSError:
        threads = [0]
    try:
        for thread in threads:
            with contextlib.suppress(ProcessLookupError):  # it has ended
                os.setpriority(os.PRIO_PROCESS, thread, wanted)
    except PermissionError:
        return (
            f"Ray's workers run with nice value {niceness}, so other programs go first; "
            "start Ray with RAY_worker_niceness=0 ray start ..."
        )
    return ""
