"""What the system tells of memory that ran out."""

from __future__ import annotations

from pathlib import Path

_VMSTAT = Path("/proc/vmstat")


def kills_for_memory(counters: Path = _VMSTAT) -> int:
    """How many processes Linux has killed so far because memory ran out; 0 where it is not told."""
    try:
        text = counters.read_text(encoding="utf-8")
    except OSError:
        return 0
    values = [line.split()[1] for line in text.splitlines() if line.startswith("oom_kill ")]
    return int(values[0]) if values else 0


def ran_out(error: BaseException) -> bool:
    """Whether an error says that there is not enough memory, on whatever device."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    # PyTorch's allocator for the CPU has no error of its own.
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
