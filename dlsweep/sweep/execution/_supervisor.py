"""Runs one program in a session of its own, and ends all of it when its driver is gone.

A script that imports nothing of the package, so that it starts at once. Its arguments are the
program's command. Each byte of standard input is the number of a signal for the program and all
that it has started; the end of standard input kills them: the driver wants no more of the program,
or has died.

It does so in a child of the process that the driver has started, which only waits for it: a worker
of Ray that ends kills its children, but not theirs, which then still see to the program.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

CANNOT_RUN = 127
"""The exit code if the program cannot be started, as in a shell."""

_GRACE_SECONDS = 3.0
"""How long processes that outlive the program may take to end."""


def main(command: list[str]) -> int:
    """Run a program; its exit code, or 128 and the number of the signal that ended it."""
    # In the background of a shell this one is ignored, and programs would inherit that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        return CANNOT_RUN
    threading.Thread(target=_obey, args=[process.pid], daemon=True).start()
    code = process.wait()
    _end_rest(process.pid, signal.SIGKILL if code == -signal.SIGKILL else signal.SIGTERM)
    return code if code >= 0 else 128 - code


def _obey(group: int) -> None:
    """Pass signals on until the driver is gone; then kill."""
    while number := os.read(0, 1):
        _send(group, number[0])
    _send(group, signal.SIGKILL)


def _end_rest(group: int, number: int) -> None:
    """End what the program has left behind: by a signal, and by SIGKILL if that takes long."""
    deadline = time.monotonic() + _GRACE_SECONDS
    there = _send(group, number)
    while there and number != signal.SIGKILL and time.monotonic() < deadline:
        time.sleep(0.02)
        there = _send(group, 0)
    _send(group, signal.SIGKILL)


def _send(group: int, number: int) -> bool:
    """Send a signal to a process group; whether there is one."""
    try:
        os.killpg(group, number)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    child = os.fork()
    if not child:
        os._exit(main(sys.argv[1:]))
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) % 256)
