"""How much memory there is for data."""

from __future__ import annotations

from pathlib import Path


def available_memory() -> int | None:
    """Bytes that Linux says are available; None on other systems."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if "MemAvailable" in line)
    except (OSError, StopIteration, ValueError):
        return None
