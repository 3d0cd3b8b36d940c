"""A process that is forked from the template is what the interpreter would have made of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import forking

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone"),
]

PROBE = """
import atexit, json, os, signal, subprocess, sys, threading
#  from dlsweep.cli import main
answer = {
    "argv": sys.argv,
    "path": sys.path[0],
    "name": __name__,
    "main": sys.modules["__main__"].__dict__ is globals(),
    "cwd": os.getcwd(),
    "variables": dict(os.environ),
    "shown": "DLSWEEP_PROBE=1" in open("/proc/self/environ").read().split("\\0"),
    "command": open("/proc/self/cmdline").read().rstrip("\\0").split("\\0"),
    "parent": os.getppid(),
    "leads": os.getsid(0) == os.getpid(),
    "group": os.getpgid(0) in (os.getpid(), os.getpgid(os.getppid())),
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "signals": [str(signal.getsignal(n)).split(" at ")[0] for n in (1, 2, 10, 13, 15, 17, 25)],
    "threads": threading.active_count(),
    "input": sys.stdin.read(),
    "passed": os.read(int(sys.argv[1]), 9).decode(),
    "streams": [
        (s.encoding, s.errors, s.line_buffering, s.write_through, s.isatty())
        for s in (sys.stdin, sys.stdout, sys.stderr)
    ],
    "files": sorted(int(f) for f in os.listdir("/proc/self/fd") if int(f) < 500)[:-1],
}
if sys.argv[2] == "outer":
    words = [sys.executable, "-c", sys.orig_argv[2], sys.argv[1], "inner"]
    read, write = os.pipe()
    os.write(write, b"within"), os.close(write)
    words[3] = str(read)
    inner = subprocess.run(words, input="i", stdout=-1, text=True, pass_fds=[read])
    os.close(read)
    answer["inner"] = json.loads(inner.stdout.splitlines()[0]), inner.returncode
    answer["its parent"] = answer["inner"][0].pop("parent") == os.getpid()
print(json.dumps(answer))
print("error", file=sys.stderr)
atexit.register(print, "last")
sys.exit(None if sys.argv[2] == "inner" else int(sys.argv[3]))
"""


@pytest.fixture
def real() -> Iterator[None]:
    """Processes are started anew."""
    forking.uninstall()
    yield
    forking.install()


def probe(folder: Path) -> dict[str, Any]:
    """What a process says of itself, and what is seen of it from here."""
    read, write = os.pipe()
    os.write(write, b"through")
    os.close(write)
    place = 77
    os.dup2(read, place)
    os.close(read)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROBE, str(place), "outer", "7", "é 'x'"],
            cwd=folder,
            env={**os.environ, "DLSWEEP_PROBE": "1", "COLUMNS": "33"},
            input="told",
            capture_output=True,
            text=True,
            pass_fds=[place],
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGUSR1, before)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])
        os.close(place)
    assert done.returncode == 7, done.stderr
    line, *rest = done.stdout.splitlines()
    answer: dict[str, Any] = json.loads(line)
    assert answer.pop("parent") == os.getpid()
    for variables in (answer["variables"], answer["inner"][0]["variables"]):
        variables.pop("LC_CTYPE", None)  # which Python sets for itself in the locale C
    answer["inner"][0].pop("passed")
    for files in (answer, answer["inner"][0]):
        files["command"] = [w for w in files["command"] if not w.isdigit()]
        files["argv"] = [w for w in files["argv"] if not w.isdigit()]
        files["files"] = len(files["files"])
    return {**answer, "code": done.returncode, "rest": rest, "errors": done.stderr}


def test_it_cannot_be_told_from_one_that_is_started_anew(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    forked = probe(tmp_path)
    request.getfixturevalue("real")
    assert forked == probe(tmp_path)
    assert forked["code"] == 7
    assert forked["its parent"]


def started(program: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", f"#  from dlsweep.cli import main\n{program}"]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("program", "code", "last"),
    [
        ("print('out')", 0, ""),
        ("import sys; sys.exit('why')", 1, "why"),
        ("raise ValueError('why')", 1, "ValueError: why"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", -2, "KeyboardInterrupt"),
        ("import os; os.kill(os.getpid(), 9)", -9, ""),
        ("import os; os._exit(3)", 3, ""),
    ],
)
def test_it_ends_as_any_process_does(program: str, code: int, last: str) -> None:
    with started(program) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert (errors.splitlines() or [""])[-1].strip() == last


def test_nothing_is_left_of_it_in_its_session() -> None:
    words = [sys.executable, "-c", "#  from dlsweep.cli import main\nimport time; time.sleep(600)"]
    with subprocess.Popen(words, start_new_session=True) as process:
        os.killpg(process.pid, signal.SIGKILL)
    until = time.monotonic() + 60
    while True:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        assert time.monotonic() < until
        time.sleep(0.01)
