"""Running another program so that it can neither ask a question nor hang."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path


class ProgramError(RuntimeError):
    """A program that is missing, failed or took too long; the text is one line."""


def run(command: Sequence[str], *, cwd: Path, timeout: float) -> str:
    """Run a program to its end and return what it wrote to standard error.

    It has no input, no terminal and English messages, so that it cannot ask anything and its
    errors can be told apart.

    Args:
        command: the program, found through PATH, and its arguments; no shell is involved.
        cwd: the directory to run it in.
        timeout: seconds until it is killed, together with the processes it has started.

    Raises:
        ProgramError: it is not installed, was killed, or ended with another exit code than 0.
    """
    name = command[0]
    program = shutil.which(name)
    if program is None:
        raise ProgramError(f"{name} is not installed here")
    environment = {
        **os.environ,
        "LC_ALL": "C",
        "DEBIAN_FRONTEND": "noninteractive",
        "npm_config_yes": "true",
    }
    try:
        process = subprocess.Popen(
            [program, *command[1:]],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise ProgramError(f"{name} cannot be started: {error.strerror or error}") from error
    with process:
        try:
            _, captured = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            _kill(process)
            raise ProgramError(f"{name} was still running after {timeout:g} s") from None
        except BaseException:
            # Ctrl-C reaches only our own session: take the program along.
            _kill(process)
            raise
    errors = captured.decode(errors="replace")
    if process.returncode != 0:
        reason = telling_line(errors) or "no message"
        raise ProgramError(f"{name} ended with exit code {process.returncode}: {reason}")
    return errors


def telling_line(text: str) -> str:
    """The one line of a program's messages that says most about a failure ("" where none does).

    apt-get and npm say "failed" in the line that has the cause; around it they write codes, places
    of log files and advice. Long lines are cut to 300 characters.
    """
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    for mark in ("failed", "e:", "error"):
        for line in lines:
            if mark in line.lower():
                return line[:300]
    return lines[-1][:300] if lines else ""


def _kill(process: subprocess.Popen[bytes]) -> None:
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)  # the group's number: it leads its own session
    else:
        process.kill()
