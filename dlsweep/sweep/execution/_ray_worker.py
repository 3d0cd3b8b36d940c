"""A worker in a Ray cluster: an actor that passes messages between its driver and ``serve``."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import queue
import threading
from pathlib import Path

from dlsweep.sweep.execution._in_process import ThreadChannel
from dlsweep.sweep.execution._job import serve
from dlsweep.sweep.execution._program_job import ProgramJob


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
        if isinstance(message, ProgramJob):
            message = on_this_node(message)
        self._channel.down.put(message)


def on_this_node(job: ProgramJob) -> ProgramJob:
    """A program's job with folders that are there.

    Where the driver's working directory is not there, it is this process's own: the one that Ray
    has shipped (``working_dir``), or the one in which the node was started.
    """
    if job.cwd.is_dir():
        return job
    inside = job.folder.is_relative_to(job.cwd)
    folder = job.folder.relative_to(job.cwd) if inside else Path("wandb", job.folder.name)
    return dataclasses.replace(job, cwd=Path.cwd(), folder=Path.cwd() / folder)


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
