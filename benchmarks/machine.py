"""What the machine can do, measured beside what is compared."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable

import torch

from dlsweep import __version__


def describe() -> dict[str, object]:
    """The machine and the versions, for the header of every result."""
    model = ""
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            names = (
                line.partition(":")[2].strip() for line in file if line.startswith("model name")
            )
            model = next(names, "")
    return {
        "processor": model or platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "dlsweep": __version__,
    }


def fastest(function: Callable[[], object], repeats: int = 10) -> float:
    """The shortest of several times, in seconds: what is possible when nobody disturbs."""
    function()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return min(times)


def gemm_peak() -> float:
    """FLOP/s of a float32 matrix product of 1,536 rows and columns, on all cores."""
    n = 1536
    a, b = torch.rand(n, n), torch.rand(n, n)
    return 2 * n**3 / fastest(lambda: a @ b)


def bandwidth() -> float:
    """Bytes read and written per second by copying 256 MB."""
    a = torch.rand(64 * 2**20)
    b = torch.empty_like(a)
    return 2 * a.numel() * 4 / fastest(lambda: b.copy_(a), 5)
