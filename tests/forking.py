"""Starts the commands of dlsweep and W&B by forking a process that has imported torch and wandb.

To import them takes two to three seconds of a CPU, and the tests start hundreds of processes that
do. `install` makes `subprocess.Popen` ask a process that has done nothing but import them, the
*template*, to fork where the command is one of `COMMANDS`. The new process is a child of the one
that asked, in its session, with the arguments, environment, working directory, files and signals
that it would have had, and with a template of its own for the processes that it starts in turn.
All other commands, and those with variables that an interpreter reads as it starts, are started as
ever; so are all where the platform cannot do this.
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import gc
import inspect
import json
import os
import random
import re
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from pathlib import Path
from typing import Any

COMMANDS = re.compile(
    r"-m\0(dlsweep|wandb)\0"
    r"|-c\0.*(from dlsweep\.cli import main|execution\._worker import run|wandb\.cli\.cli)"
    r"|\S*/train\.py\0",
    re.DOTALL,
)
"""The arguments of the interpreter, each with a NUL after it, that are started by forking."""

AT_START = re.compile(r"PYTHON|LD_|LC_|LANG|MALLOC_|OMP_|MKL_|OPENBLAS_|KMP_|TORCH")
"""Variables that count when an interpreter starts, or a library is imported."""

PADDING = "x" * 16_000
"""An argument of a template, in whose place the arguments of forked processes are written."""

HIGH = 500
"""Descriptors from here on are in nobody's way."""

PR_SET_CHILD_SUBREAPER = 36

_popen = subprocess.Popen._execute_child  # type: ignore[attr-defined]
_signature = inspect.signature(_popen)
_client: Client | None = None
_ended: int | None = None
_keep: list[object] = []


class Client:
    """The end of a template's socket that asks for processes.

    Args:
        connection: to the template.
        environment: of the template when it started.
        process: the template, where it is a child of this process that is to be waited for.
    """

    def __init__(
        self,
        connection: socket.socket,
        environment: dict[str, str],
        process: subprocess.Popen[bytes] | None = None,
    ) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._process = process
        self.environment = environment

    def start(self, request: dict[str, Any], files: list[int]) -> int:
        """Have a process forked that becomes a child of this one; its id."""
        with self._lock:
            _adopt(True)
            try:
                message = json.dumps(request).encode()
                socket.send_fds(self._connection, [message], files)
                return int(self._connection.recv(64))
            finally:
                _adopt(False)

    def close(self) -> None:
        """Let the template end."""
        self._connection.close()
        if self._process is not None:
            self._process.wait()

    def forget(self) -> None:
        """Close the socket alone; the template goes on as long as others have it open."""
        self._connection.close()
        _keep.append(self._process)


def install() -> None:
    """Let `subprocess.Popen` start `COMMANDS` by forking; does nothing where that cannot be."""
    if sys.platform == "linux" and "PYTHONSAFEPATH" not in os.environ:
        subprocess.Popen._execute_child = _execute_child  # type: ignore[attr-defined]
        os.register_at_fork(after_in_child=_leave)


def uninstall() -> None:
    """Let `subprocess.Popen` start every command itself again, and the template end."""
    if _client is not None:
        _client.close()
    _leave()


def _leave() -> None:
    """Leave the template to the process that this one is a copy of."""
    global _client
    subprocess.Popen._execute_child = _popen  # type: ignore[attr-defined]
    if _client is not None:
        _client.forget()
        _client = None


def _execute_child(self: subprocess.Popen[Any], *arguments: Any) -> None:
    """Stands in for the method of `subprocess.Popen` that starts the process."""
    a = _signature.bind(self, *arguments).arguments
    words = a["args"]
    words = [os.fsdecode(word) for word in ([words] if isinstance(words, str | bytes) else words)]
    environment = {
        os.fsdecode(k): os.fsdecode(v)
        for k, v in (os.environ if a["env"] is None else a["env"]).items()
    }
    usual = (
        (a["executable"] in (None, words[0]) and words[0] == sys.executable)
        and not (a["shell"] or a["preexec_fn"] or a.get("process_group", -1) != -1)
        and all(a.get(name) is None for name in ("gid", "gids", "uid"))
        and a["close_fds"]
        and a["umask"] == -1
        and os.path.isdir(a["cwd"] or ".")
        and COMMANDS.match("".join(f"{word}\0" for word in words[1:]))
    )
    client = _template(environment) if usual else None
    if client is None:
        _popen(self, *arguments)
        return
    standard = [
        place if file == -1 else file
        for place, file in enumerate((a["p2cread"], a["c2pwrite"], a["errwrite"]))
    ]
    passed = sorted(a["pass_fds"])
    request = {
        "words": words,
        "environment": environment,
        "cwd": os.path.abspath(os.fsdecode(a["cwd"] or ".")),
        "places": [0, 1, 2, *passed],
        "session": bool(a["start_new_session"]),
        "blocked": [int(n) for n in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
        "ignored": [n for n in _ordinary_signals() if signal.getsignal(n) == signal.SIG_IGN],
    }
    self.pid = client.start(request, [*standard, *passed])
    self._child_created = True  # type: ignore[attr-defined]
    self._close_pipe_fds(  # type: ignore[attr-defined]
        *(a[n] for n in ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite"))
    )


def _ordinary_signals() -> list[int]:
    """Those that a command may find ignored; Python itself ignores the other two."""
    return [n for n in signal.valid_signals() if n not in (signal.SIGPIPE, signal.SIGXFSZ)]


def _template(environment: dict[str, str]) -> Client | None:
    """The template of this process, if it can stand in for a new interpreter."""
    global _client
    if _client is None:
        if not _at_start(environment):
            return None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Not the command's own environment, by which a test may look for the processes it left.
        own = {name: value for name, value in os.environ.items() if not AT_START.match(name)}
        reader, writer = os.pipe()  # not what ends up in a file, for which Python has other buffers
        with theirs:
            process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno()), PADDING],
                pass_fds=[theirs.fileno()],
                stdin=reader,
                stdout=writer,
                env={**own, **_at_start(environment), "PADDING": PADDING},
            )
        os.close(reader)
        os.close(writer)
        _client = Client(ours, environment, process)
    same = _at_start(_client.environment) == _at_start(environment)
    return _client if same else None


def _at_start(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if AT_START.match(name)}


def _adopt(whether: bool) -> None:
    """Become the parent of descendants whose own parent ends, or leave them to others."""
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(whether), 0, 0, 0):
        raise OSError("prctl")


# The template ------------------------------------------------------------------------------------


def serve(connection: socket.socket) -> tuple[dict[str, Any], list[int], int]:
    """Fork a process for each request.

    Returns:
        In each of them: the request, its files, and the pipe that is to hear when it is ready.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        message, files, *_ = socket.recv_fds(connection, 1 << 20, 64)
        if not message:
            os._exit(0)
        told, tell = os.pipe()
        begun, begin = os.pipe()
        between = os.fork()
        if not between:
            if os.fork():
                os._exit(0)
            for file in (told, begin):
                os.close(file)
            os.read(begun, 1)  # until the process between has ended: then the parent is right
            os.close(begun)
            connection.close()
            return json.loads(message), files, _raise(tell)
        for file in (tell, begun, *files):
            os.close(file)
        os.waitpid(between, 0)
        os.close(begin)
        connection.send(os.read(told, 64))
        os.close(told)


def main() -> None:
    """Be a template; in the processes that are forked, be the command that is asked for."""
    atexit.register(_end)
    import numpy  # noqa: F401
    import torch  # noqa: F401
    import wandb  # noqa: F401
    import yaml  # noqa: F401

    gc.collect()
    gc.freeze()
    connection = socket.socket(fileno=_raise(int(sys.argv[1])))
    while True:
        request, files, tell = serve(connection)
        if request["session"]:
            os.setsid()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork():
            break
        ours.close()
        for file in (*files, tell):
            os.close(file)
        connection = theirs
    theirs.close()
    _become(request, files, tell, socket.socket(fileno=_raise(ours.detach())))


def _raise(file: int) -> int:
    """Give a file a descriptor that is in nobody's way."""
    high = fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, HIGH)
    os.close(file)
    return high


def _become(
    request: dict[str, Any], files: list[int], tell: int, connection: socket.socket
) -> None:
    """Run a command in this process as if it had been started so."""
    global _client, _ended
    words, environment = request["words"], request["environment"]
    for place, file in zip(request["places"], [_raise(file) for file in files], strict=True):
        os.dup2(file, place)
        os.close(file)
    os.chdir(request["cwd"])
    _client = Client(connection, dict(os.environ))
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    _show(words, environment)
    for number in _ordinary_signals():
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in request["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, request["blocked"])
    sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())  # type: ignore[union-attr]
    random.seed()
    sys.modules["numpy"].random.seed()
    install()
    os.write(tell, str(os.getpid()).encode())
    os.close(tell)

    _keep.append(sys.modules["__main__"])
    try:
        _run(words)
    except SystemExit as left:
        if left.code is not None and not isinstance(left.code, int):
            raise
        _ended = (left.code or 0) & 255
    else:
        _ended = 0


def _end() -> None:
    """End the process where Python would begin to take its modules to pieces, torch's too."""
    if _ended is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_ended)


def _run(words: list[str]) -> None:
    """Run a module, a text or a file as the interpreter does."""
    sys.orig_argv = words
    if words[1] == "-m":
        sys.path[0] = os.getcwd()
        sys.argv = words[2:]
        runpy.run_module(words[2], run_name="__main__", alter_sys=True)
    elif words[1] == "-c":
        sys.path[0] = ""
        sys.argv = ["-c", *words[3:]]
        sys.modules["__main__"] = module = types.ModuleType("__main__")
        exec(compile(words[2], "<string>", "exec"), module.__dict__)
    else:
        sys.path[0] = str(Path(words[1]).resolve().parent)
        sys.argv = words[1:]
        runpy.run_path(words[1], run_name="__main__")


def _show(words: list[str], environment: dict[str, str]) -> None:
    """Put arguments and environment where /proc shows them."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    areas = [int(field) for field in fields[45:49]]
    shown = (words, [f"{name}={value}" for name, value in environment.items()])
    for (start, end), texts in zip((areas[:2], areas[2:]), shown, strict=True):
        data = b"".join(os.fsencode(text) + b"\0" for text in texts)[: end - start - 1]
        ctypes.memmove(start, data.ljust(end - start, b"\0"), end - start)


if __name__ == "__main__":
    main()
