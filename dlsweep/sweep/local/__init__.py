"""A sweep without a server, from its options to its table: what `dlsweep sweep` does."""

from dlsweep.sweep.local._local_sweep import LocalSweep, SweepOptions
from dlsweep.sweep.local._run_sweep import run_sweep

__all__ = ["LocalSweep", "SweepOptions", "run_sweep"]
