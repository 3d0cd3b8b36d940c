"""What the machine can do, measured beside what is compared."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

import torch

from dlsweep import __version__

PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "jax", "optax")


def cores() -> int:
    """How many cores this process may use."""
    affinity = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if affinity else os.cpu_count() or 1


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
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        **{name: version for name in PACKAGES if (version := _version(name))},
        "dlsweep": __version__,
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def header(machine: dict[str, object]) -> str:
    """The machine in one line."""
    return ", ".join(f"{key} {value}" for key, value in machine.items() if value is not None)


def spread(times: Sequence[float]) -> dict[str, Any]:
    """Repetitions of a measurement: their median, the lowest, the highest, and each."""
    return {
        "median": statistics.median(times),
        "low": min(times),
        "high": max(times),
        "repetitions": list(times),
    }


def shown(times: dict[str, Any], digits: int = 2) -> str:
    """A measurement as a table has it: median (low–high)."""
    if len(times["repetitions"]) == 1:
        return f"{times['median']:.{digits}f}"
    low, high = times["low"], times["high"]
    return f"{times['median']:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


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
