"""The loop that trains a sweep, between a source of runs and an executor of jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep._lazy import lazily

if TYPE_CHECKING:  # what trains imports PyTorch, and what tracks runs imports wandb
    from dlsweep.sweep.driver._adding import Adding, Addition
    from dlsweep.sweep.driver._confirming import NO_SEED, ConfirmOptions
    from dlsweep.sweep.driver._driver import Driver
    from dlsweep.sweep.driver._jobs import Jobs, ProgramJobs, StackJobs
    from dlsweep.sweep.driver._program_source import (
        MOST_INITIAL_FAILURES,
        ProgramSource,
        not_logged,
    )
    from dlsweep.sweep.driver._progress import Progress
    from dlsweep.sweep.driver._retry import MOST_DEATHS, retry_size
    from dlsweep.sweep.driver._signals import leaving_on_signals
    from dlsweep.sweep.driver._source import Source
    from dlsweep.sweep.driver._study_runs import StudyRuns
    from dlsweep.sweep.driver._study_source import AT_ONCE, StudySource, runs_at_once

__all__ = [
    "AT_ONCE",
    "MOST_DEATHS",
    "MOST_INITIAL_FAILURES",
    "NO_SEED",
    "Adding",
    "Addition",
    "ConfirmOptions",
    "Driver",
    "Jobs",
    "ProgramJobs",
    "ProgramSource",
    "Progress",
    "Source",
    "StackJobs",
    "StudyRuns",
    "StudySource",
    "leaving_on_signals",
    "not_logged",
    "retry_size",
    "runs_at_once",
]

__getattr__ = lazily(__name__, __file__)
