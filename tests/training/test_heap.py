"""Memory that was freed is used again."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import torch
from dlsweep.training import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.empty(64 * 2**20, dtype=torch.uint8).fill_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

torch.set_num_threads(1)
print(faults())
keep_freed_memory()
faults()
print(faults())
"""


@pytest.mark.process
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_the_system_is_not_asked_again():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    given_back, kept = map(int, done.stdout.split())
    pages = 64 * 2**20 // os.sysconf("SC_PAGESIZE")
    assert kept < pages / 2 < given_back
