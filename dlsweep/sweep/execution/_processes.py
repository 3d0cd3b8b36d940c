"""Jobs run in processes of this machine."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait

from dlsweep.sweep.execution._events import Cause
from dlsweep.sweep.execution._executor import Executor, Worker, WorkerDied
from dlsweep.sweep.execution._memory import kills_for_memory
from dlsweep.sweep.execution._messages import Message
from dlsweep.sweep.execution._worker import SIGNALS

_END_SECONDS = 10.0
"""How long a process may take to end by itself."""

_PROGRAM = """\
import json, sys
path, *arguments = json.loads(sys.argv[1])
sys.path[:] = path
from dlsweep.sweep.execution._worker import run
run(*arguments)
"""


class ProcessExecutor(Executor):
    """Runs a job in each of several processes. All end with this one, however it ends.

    Args:
        workers: how many processes.
        threads: how many threads a job that gains from several may use in each.
        gpus: how many GPUs the processes are spread over.
        device: see ``Executor``.
    """

    def __init__(self, workers: int, threads: int = 1, gpus: int = 0, device: str = "cpu") -> None:
        super().__init__(workers, device)
        self._threads = threads
        self._gpus = gpus

    def _launch(self, place: int) -> Worker:
        return _ProcessWorker(self._threads, place % self._gpus if self._gpus else None)

    def _wait(self, workers: Sequence[Worker], timeout: float) -> Sequence[Worker]:
        pipes = {w.pipe: w for w in workers if isinstance(w, _ProcessWorker)}
        return [pipes[pipe] for pipe in wait(list(pipes), timeout) if isinstance(pipe, Connection)]


class _ProcessWorker:
    """A ``Worker`` that is a process."""

    def __init__(self, threads: int, gpu: int | None) -> None:
        self.pipe, theirs = Pipe()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._kills = kills_for_memory()
        arguments = json.dumps([sys.path, theirs.fileno(), threads, gpu])
        with theirs, _signals_blocked():
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, arguments],
                stdin=subprocess.PIPE,  # it ends when this closes: see ``_worker``
                stderr=self._errors,
                pass_fds=[theirs.fileno()],
            )

    def send(self, message: object) -> None:
        if not isinstance(message, Message):  # a job
            self._kills = kills_for_memory()
        with contextlib.suppress(OSError):
            self.pipe.send(message)

    def receive(self) -> object:
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            raise self._death() from None

    def _death(self) -> WorkerDied:
        self._end()
        code = self._process.returncode
        reason = f"{_ending(code)}{self._last_line()}"
        self.join()
        starved = code == -signal.SIGKILL and kills_for_memory() > self._kills
        cause = Cause.MEMORY if starved else Cause.DEATH
        return WorkerDied(reason, cause, killed=code < 0)

    def _last_line(self) -> str:
        """The last line that the process wrote to standard error."""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f": {last}" if last else ""

    def kill(self) -> None:
        self._process.kill()

    def join(self) -> None:
        self.pipe.close()
        self._end()
        self._errors.close()

    def _end(self) -> None:
        """Wait for the end of a process whose pipe is closed."""
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()


def _ending(code: int) -> str:
    """How a process ended, by its return code as ``subprocess`` gives it."""
    if code == -signal.SIGKILL:
        return "its process was killed (SIGKILL), as happens when memory runs out"
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with exit code {code}"


@contextlib.contextmanager
def _signals_blocked() -> Iterator[None]:
    """Start a process that these signals reach only when it is ready to ignore them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
