"""Jobs run on a Ray cluster, in one worker for each of its cores or GPUs.

A worker is an actor. The driver always has one call of its ``collect`` under way, which returns
when the worker has something to say and fails when the worker has died. Ray restarts and retries
nothing: the driver decides what is trained again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import signal
import socket
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dlsweep.config import ConfigError
from dlsweep.sweep.execution._checkpoints import FOLDER_MARKER, mark
from dlsweep.sweep.execution._events import Cause, Event
from dlsweep.sweep.execution._executor import Executor, ExecutorError, Slot, Worker, WorkerDied
from dlsweep.sweep.execution._job import Job
from dlsweep.sweep.execution._messages import Ready
from dlsweep.sweep.execution._needs import Needs
from dlsweep.sweep.execution._ray_worker import RayWorker
from dlsweep.sweep.execution._stack_job import StackJob

try:
    import ray
except ImportError as error:
    raise ConfigError(["cluster: Ray is not installed; pip install 'dlsweep[ray]'"]) from error

_log = logging.getLogger("dlsweep.sweep")

_LOOK_SECONDS = 3.0
"""How often the cluster is asked for its nodes."""
_CONNECT_SECONDS = 10.0
"""How long the cluster's address may take to accept a connection; Ray itself tries for minutes."""
_END_SECONDS = 10.0
"""How long a worker may take to end after it was killed."""
_PATIENCE = 60.0
"""How long nothing can run before the user is told."""


class RayExecutor(Executor):
    """Runs a job on each core, or each GPU, of a Ray cluster. Nodes may join and leave.

    Args:
        cluster: ``auto`` for the cluster that ``RAY_ADDRESS`` names or that this machine is a node
            of, or HOST:PORT.
        device: auto, cpu or cuda. A worker has a GPU with cuda, and with auto if the cluster has
            GPUs; else it has a core.
        workers: the most jobs that run at once; by default as many as the cluster has room for.
        share_files: whether workers that see the driver's checkpoint files use them. Those that
            do not see them receive checkpoints from the driver and send them there.

    Raises:
        ConfigError: if an argument is wrong.
        ExecutorError: if the cluster cannot be joined.
    """

    def __init__(
        self,
        cluster: str,
        *,
        device: str = "auto",
        workers: int | None = None,
        share_files: bool = True,
    ) -> None:
        if device not in ("auto", "cpu", "cuda"):
            raise ConfigError([f"device: got {device!r}; on a cluster choose auto, cpu or cuda"])
        _join(cluster)
        self._share_files = share_files
        self._marker = uuid.uuid4().hex
        self._marked: set[Path] = set()
        gpus = 0 if device == "cpu" else _available("GPU")
        if device == "cuda" and not gpus:
            ray.shutdown()
            raise ExecutorError(f"device cuda: the cluster {cluster} has no GPU")
        super().__init__(workers or sys.maxsize, "cuda" if gpus else "cpu")
        self._resource = "GPU" if gpus else "CPU"
        self._slots = 0
        self._look_at = self._busy_since = time.monotonic()
        self._actor = ray.remote(
            num_cpus=0 if gpus else 1,
            num_gpus=1 if gpus else 0,
            max_restarts=0,
            max_task_retries=0,
            concurrency_groups={"collect": 1, "post": 1},
        )(RayWorker)

    @property
    def slots(self) -> int:
        """How many jobs may run at once on the nodes that are alive."""
        if time.monotonic() >= self._look_at:
            self._slots = _available(self._resource)
            self._look_at = time.monotonic() + _LOOK_SECONDS
        return min(self._slots, self._most)

    def _launch(self, place: int) -> Worker:
        return _ActorWorker(self._actor.remote())

    def _wait(self, workers: Sequence[Worker], timeout: float) -> Sequence[Worker]:
        if any(slot.ready for slot in self._workers):
            self._busy_since = time.monotonic()
        elif time.monotonic() > self._busy_since + _PATIENCE:
            self._busy_since = float("inf")  # said once until it changes
            _log.warning("no worker has started; is a %s of the cluster free?", self._resource)
        actors = [worker for worker in workers if isinstance(worker, _ActorWorker)]
        if not actors:
            time.sleep(timeout)
            return []
        received = [worker for worker in actors if worker.received]
        calls = {worker.call: worker for worker in actors if not worker.received}
        ready, others = (
            ray.wait(list(calls), timeout=0 if received else timeout) if calls else ((), ())
        )
        if ready and others:
            ready += ray.wait(others, num_returns=len(others), timeout=0)[0]
        return received + [calls[call] for call in ready]

    def _prepare(self, job: Job) -> Job:
        if isinstance(job, StackJob):
            job = dataclasses.replace(job, needs=Needs.of(job.configs))
        checkpoint = job.checkpoint
        if checkpoint is None:
            return job
        folder = checkpoint.path.parent
        if self._share_files and folder not in self._marked:
            with contextlib.suppress(OSError):  # then checkpoints come here, which tells the user
                mark(folder, self._marker)
                self._marked.add(folder)
        try:
            content = checkpoint.path.read_bytes()
        except OSError:
            content = None
        checkpoint = dataclasses.replace(checkpoint, marker=self._marker, content=content)
        prepared: Job = dataclasses.replace(job, checkpoint=checkpoint)  # type: ignore[type-var]
        return prepared

    def _lost(self, slot: Slot, death: WorkerDied) -> list[Event]:
        self._look_at = 0.0  # its node may have gone
        return super()._lost(slot, death)

    def close(self) -> None:
        """Kill what runs and end every worker."""
        super().close()
        for folder in self._marked:
            (folder / FOLDER_MARKER).unlink(missing_ok=True)
        self._marked.clear()
        ray.shutdown()
        _print_errors(True)


class _ActorWorker:
    """A ``Worker`` that is an actor."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor
        self._host = "the cluster"
        self.received: deque[object] = deque()
        self._collect()

    def _collect(self) -> None:
        self.call = self._actor.collect.options(concurrency_group="collect").remote()

    def send(self, message: object) -> None:
        self._actor.post.options(concurrency_group="post").remote(message)

    def receive(self) -> object:
        if not self.received:
            try:
                self.received.extend(ray.get(self.call))
            except ray.exceptions.RayError as error:
                self.kill()  # it may only be out of reach
                raise _death(error, self._host) from None
            self._collect()
        message = self.received.popleft()
        if isinstance(message, Ready):
            self._host = message.host
        return message

    def kill(self) -> None:
        ray.kill(self._actor)

    def join(self) -> None:
        end = time.monotonic() + _END_SECONDS
        while time.monotonic() < end:  # each call fails once it has died
            ready, _ = ray.wait([self.call], timeout=end - time.monotonic())
            try:
                ray.get(ready)
            except ray.exceptions.RayError:
                return
            self._collect()


def _death(error: Exception, host: str) -> WorkerDied:
    """What a failed call says of its worker."""
    text = str(error)
    not_made = getattr(error, "actor_init_failed", False)
    if not_made or isinstance(error, ray.exceptions.RayTaskError):
        reason = [line.strip() for line in text.splitlines() if line.strip()][-1]
        if "No module named 'dlsweep" in reason:
            reason += "; install the same version of dlsweep on every node"
        return WorkerDied(reason, killed=False)
    if isinstance(error, ray.exceptions.OutOfMemoryError) or "low on memory" in text:
        return WorkerDied(f"its worker on {host} was killed: memory ran out", Cause.MEMORY)
    if isinstance(error, ray.exceptions.ActorUnavailableError):
        return WorkerDied(f"its worker on {host} cannot be reached", Cause.LOST)
    if "node has died" in text:
        return WorkerDied(f"its node {host} has left the cluster", Cause.LOST)
    return WorkerDied(f"its worker on {host} died")


def _available(resource: str) -> int:
    """How many cores or GPUs the nodes of the cluster have."""
    try:
        nodes = ray.nodes()
    except Exception as error:
        raise ExecutorError(f"the cluster cannot be reached any more: {_line(error)}") from None
    return sum(int(node["Resources"].get(resource, 0)) for node in nodes if node["Alive"])


def _join(cluster: str) -> None:
    """Connect this process to a cluster; never start one."""
    address = cluster
    if cluster == "auto":
        address = os.environ.get("RAY_ADDRESS") or "auto"
    if address != "auto":
        _check_address(address)
    if ray.is_initialized():
        raise ExecutorError("this process uses Ray already; call ray.shutdown() first")
    try:
        with _own_sigterm(), _no_stderr():
            ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL)
        _print_errors(False)
    except Exception as error:
        ray.shutdown()
        if address == "auto":
            where = "cluster auto: this machine is not a node of a Ray cluster that can be joined"
        else:
            where = f"the Ray cluster at {address} cannot be joined"
        raise ExecutorError(f"{where} ({_line(error)})") from None


def _check_address(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        raise ConfigError([f"cluster: got {address!r}; give auto or HOST:PORT"])
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ExecutorError(f"there is no Ray cluster at {address}: {reason}") from None


def _line(error: Exception) -> str:
    """An error of Ray's in one line."""
    text = getattr(error, "message", None) or str(error)  # of an authentication error, the first
    if text.startswith("Failed to connect to Ray cluster"):  # which may be all that Ray says
        text += "; RAY_AUTH_MODE and RAY_AUTH_TOKEN must be those of the cluster"
    return " ".join(text.split())


def _print_errors(on: bool) -> None:
    """Let Ray print pages about nodes that died to standard output, or not: events tell of them.

    ``log_to_driver`` does not cover these, nor does anything else that is public.
    """
    vars(ray._private.worker)["_worker_logs_enabled"] = on


@contextlib.contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep this process's handler of SIGTERM, which ``ray.init`` replaces."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


@contextlib.contextmanager
def _no_stderr() -> Iterator[None]:
    """Silence Ray, which repeats on standard error that it cannot join; the error says it once."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
