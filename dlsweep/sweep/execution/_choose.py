"""Which executor suits a device, or a program."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from dlsweep.config import ConfigError
from dlsweep.sweep.execution._executor import Executor
from dlsweep.sweep.execution._processes import ProcessExecutor

_PROGRAM_BYTES = 2 * 2**30
_ON_WINDOWS = os.name == "nt"  # without process groups, nor pipes that a child inherits by number


def choose_executor(
    device: str, workers: int | None = None, runs: int | None = None, cluster: str | None = None
) -> Executor:
    """An executor for a device: a process for each core or for each of several GPUs.

    A single worker is this process itself, and on Windows, where processes of ours get no pipe,
    it is the only one.

    Args:
        device: auto, cpu or cuda, as in ``RunConfig``.
        workers: how many jobs run at once; by default one for each core that this process may
            use, or for each GPU. Several GPUs are shared out between the workers.
        runs: how many runs the sweep has, if it has an end: there are no more workers than that.
        cluster: the address of a Ray cluster to run on instead: HOST:PORT, or auto.

    Raises:
        ConfigError: if Ray is not installed.
        ExecutorError: if the cluster cannot be used.
    """
    if cluster is not None:
        from dlsweep.sweep.execution._ray import RayExecutor

        return RayExecutor(cluster, device=device, workers=workers)
    on_gpu = device.startswith("cuda") or (device == "auto" and _count_gpus() > 0)
    gpus = _count_gpus() if on_gpu and device in ("auto", "cuda") else 0
    kind = "cuda" if on_gpu else "cpu"
    workers = workers or (max(1, gpus) if on_gpu else _cores())
    if workers == 1 or _ON_WINDOWS:
        from dlsweep.sweep.execution._in_process import InProcessExecutor

        return InProcessExecutor(device=kind)
    workers = min(workers, runs or workers)
    threads = max(1, _cores() // workers)
    return ProcessExecutor(workers, threads, gpus, kind)


def choose_program_executor(
    workers: int | None = None, runs: int | None = None, cluster: str | None = None
) -> Executor:
    """An executor for programs: threads of this process, each of which watches one.

    Args:
        workers: how many programs run at once; by default one for each GPU or, without one, for
            each core, as long as each has 2 GiB of the free memory.
        runs: how many runs the sweep has, if it has an end.
        cluster: see ``choose_executor``.

    Raises:
        ConfigError, ExecutorError: as ``choose_executor``; ConfigError on Windows.
    """
    if _ON_WINDOWS and cluster is None:
        how = "they run under Linux, WSL's too, and macOS; the built-in networks train here"
        raise ConfigError([f"program: on Windows no programs are run: {how}"])
    from dlsweep.sweep.execution._in_process import InProcessExecutor
    from dlsweep.training import free_memory

    gpus = len(visible_gpus())
    device = "cuda" if gpus else "cpu"
    if cluster is not None:
        return choose_executor("auto", workers, runs, cluster)
    free = free_memory("cpu")
    fitting = _cores() if free is None else min(_cores(), free // _PROGRAM_BYTES)
    workers = workers or gpus or max(1, fitting)
    return InProcessExecutor(min(workers, runs or workers), device)


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    count = _count_gpus()
    names = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return [name.strip() for name in names.split(",") if name.strip()][:count] or [
        str(i) for i in range(count)
    ]


def _count_gpus() -> int:
    """How many GPUs PyTorch can use.

    It takes a second to import, which is spared where Linux has no driver of NVIDIA's or AMD's.
    """
    unknown = "torch" not in sys.modules
    if unknown and sys.platform == "linux" and not Path("/dev/kfd").exists():
        try:
            ctypes.CDLL("libcuda.so.1")
        except OSError:
            return 0
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
