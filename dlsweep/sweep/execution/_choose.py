"""Which executor suits a device."""

from __future__ import annotations

import os

import torch

from dlsweep.sweep.execution._executor import Executor
from dlsweep.sweep.execution._in_process import InProcessExecutor
from dlsweep.sweep.execution._processes import ProcessExecutor


def choose_executor(
    device: str, workers: int | None = None, runs: int | None = None, cluster: str | None = None
) -> Executor:
    """An executor for a device: a process for each core or for each of several GPUs.

    A single worker is this process itself.

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
    on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    gpus = torch.cuda.device_count() if on_gpu and device in ("auto", "cuda") else 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    kind = "cuda" if on_gpu else "cpu"
    workers = workers or (max(1, gpus) if on_gpu else cores or 1)
    if workers == 1:
        return InProcessExecutor(device=kind)
    workers = min(workers, runs or workers)
    threads = max(1, (cores or 1) // workers)
    return ProcessExecutor(workers, threads, gpus, kind)
