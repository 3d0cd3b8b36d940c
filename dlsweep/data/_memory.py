"""How much memory this machine has, as its control group allows it."""

from __future__ import annotations

from pathlib import Path


def available_memory() -> int | None:
    """Bytes that Linux says are available, or fewer where the control group allows fewer.

    None on other systems.
    """
    free = _meminfo("MemAvailable")
    limit, taken = _of_control_group("memory.max"), _of_control_group("memory.current")
    if free is None or limit is None or taken is None:
        return free
    return max(0, min(free, limit - taken))


def total_memory() -> int | None:
    """Bytes that there are in all, likewise."""
    total, limit = _meminfo("MemTotal"), _of_control_group("memory.max")
    return total if total is None or limit is None else min(total, limit)


def _meminfo(name: str) -> int | None:
    """Bytes of what Linux tells of memory; None on other systems."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if name in line)
    except (OSError, StopIteration, ValueError):
        return None


def _of_control_group(name: str) -> int | None:
    """Bytes; None where there is no control group, or it has no limit ("max")."""
    try:
        return int((Path("/sys/fs/cgroup") / name).read_text())
    except (OSError, ValueError):
        return None
