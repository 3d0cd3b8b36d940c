"""What counts as memory that ran out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dlsweep.sweep.execution._memory import kills_for_memory, ran_out


def test_the_kernels_count(tmp_path: Path):
    counters = tmp_path / "vmstat"
    assert kills_for_memory(counters) == 0
    counters.write_text("nr_free_pages 12\noom_kill_disable 9\noom_kill 3\nswap_ra 1\n")
    assert kills_for_memory(counters) == 3
    counters.write_text("nr_free_pages 12\n")
    assert kills_for_memory(counters) == 0


def test_errors_of_every_allocator():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert ran_out(caught.value)
    assert ran_out(MemoryError())
    assert ran_out(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"))
    assert not ran_out(RuntimeError("shapes do not match"))
    assert not ran_out(ValueError("can't allocate memory"))
