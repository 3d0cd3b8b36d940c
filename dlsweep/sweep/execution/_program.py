"""A program that runs under its supervisor."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from dlsweep.sweep.execution import _supervisor

LEAVE_SECONDS = 30.0
"""How long a program may take to end after SIGINT or SIGTERM; then it is killed."""

_TAIL_BYTES = 2**14
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class RunningProgram(Protocol):
    """Something that runs until it ends, or is ended. It is ended at the end of the context."""

    def __enter__(self) -> RunningProgram: ...

    def __exit__(self, *_: object) -> None: ...

    def poll(self) -> int | None:
        """The exit code, or None as long as it runs."""

    def end(self, number: int) -> None:
        """Ask it to end by a signal."""

    def reason(self, code: int) -> str:
        """Why it failed with this exit code, in one line."""


class Program:
    """A program in a session of its own; it is killed at the end of the context.

    Args:
        command: the argument vector.
        cwd: the working directory.
        environment: all of its variables.
        output: the file to which its output and errors are added.

    Raises:
        OSError: if its supervisor cannot be started, as where ``cwd`` is not there.
    """

    def __init__(
        self, command: Sequence[str], cwd: Path, environment: Mapping[str, str], output: Path
    ) -> None:
        self._output = output
        self._kill_at = float("inf")
        with output.open("ab") as file:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", _supervisor.__file__, *command],
                cwd=cwd,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                bufsize=0,
                start_new_session=True,  # the signals of a terminal are for the driver
            )

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._supervisor.stdin is not None
        self._supervisor.stdin.close()
        self._supervisor.wait()

    def poll(self) -> int | None:
        """The exit code, or None as long as the program runs."""
        if time.monotonic() > self._kill_at:
            self._send(signal.SIGKILL)
        return self._supervisor.poll()

    def end(self, number: int) -> None:
        """Ask the program to end by a signal; it is killed if that takes long."""
        self._kill_at = time.monotonic() + LEAVE_SECONDS
        self._send(number)

    def reason(self, code: int) -> str:
        """How it ended, by the exit code of its supervisor, and the last line of its output."""
        return f"{_how_it_ended(code)}{_last_line(self._output)}"

    def _send(self, number: int) -> None:
        assert self._supervisor.stdin is not None
        try:
            self._supervisor.stdin.write(bytes([number]))
        except OSError:  # it has just ended
            return


def _how_it_ended(code: int) -> str:
    """How a program ended, by the exit code of its supervisor."""
    if code < 0:
        return f"the program's supervisor was ended by {signal.Signals(-code).name}"
    if code == 128 + signal.SIGKILL:
        return "the program was killed (SIGKILL), as happens when memory runs out"
    try:
        return f"the program was ended by {signal.Signals(code - 128).name}"
    except ValueError:
        return f"the program ended with exit code {code}"


def _last_line(output: Path) -> str:
    """The last line of a program's output that is not wandb's farewell, after a colon."""
    with output.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - _TAIL_BYTES))
        lines = _COLOUR.sub("", file.read().decode(errors="replace")).splitlines()
    said = [text for line in lines if (text := line.strip())]
    own = [text for text in said if not text.startswith("wandb:")]
    last = (own or said or [""])[-1]
    return f": {last}" if last else ""
