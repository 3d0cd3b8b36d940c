"""A sweep without a server, from its options to its table: what `dlsweep sweep` does."""

from dlsweep.sweep.local._local_sweep import LocalSweep, SweepOptions, options_without_effect
from dlsweep.sweep.local._run_sweep import run_sweep

__all__ = ["LocalSweep", "SweepOptions", "options_without_effect", "run_sweep"]
