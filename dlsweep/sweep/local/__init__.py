"""A sweep without a server, from its options to its table: what `dlsweep sweep` does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep._lazy import lazily

if TYPE_CHECKING:  # what trains imports PyTorch, and what tracks runs imports wandb
    from dlsweep.sweep.local._add_runs import (
        Repeated,
        adding_repeats,
        adding_run,
        best_points,
        collecting,
        run_like,
    )
    from dlsweep.sweep.local._local_sweep import LocalSweep
    from dlsweep.sweep.local._options import SweepOptions, options_without_effect
    from dlsweep.sweep.local._run_sweep import run_sweep

__all__ = [
    "LocalSweep",
    "Repeated",
    "SweepOptions",
    "adding_repeats",
    "adding_run",
    "best_points",
    "collecting",
    "options_without_effect",
    "run_like",
    "run_sweep",
]

__getattr__ = lazily(__name__, __file__)
