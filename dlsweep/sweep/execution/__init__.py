"""Where jobs run: in this process, in processes of this machine, or on a Ray cluster.

Every name is imported with its first use: a process executor starts its workers before this
process imports PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlsweep._lazy import lazily

if TYPE_CHECKING:
    from dlsweep.sweep.execution._choose import (
        choose_executor,
        choose_program_executor,
        visible_gpus,
    )
    from dlsweep.sweep.execution._events import (
        END,
        Asked,
        Broken,
        Cause,
        Done,
        Epoch,
        Event,
        Left,
        Notice,
        Resumed,
    )
    from dlsweep.sweep.execution._executor import Executor, ExecutorError
    from dlsweep.sweep.execution._function_job import FunctionJob
    from dlsweep.sweep.execution._in_process import InProcessExecutor
    from dlsweep.sweep.execution._job import Checkpoint, Context, Job
    from dlsweep.sweep.execution._processes import ProcessExecutor
    from dlsweep.sweep.execution._program_job import LoggedMetrics, ProgramJob
    from dlsweep.sweep.execution._stack_job import SAVE_SECONDS, StackJob, rung_file

__all__ = [
    "END",
    "SAVE_SECONDS",
    "Asked",
    "Broken",
    "Cause",
    "Checkpoint",
    "Context",
    "Done",
    "Epoch",
    "Event",
    "Executor",
    "ExecutorError",
    "FunctionJob",
    "InProcessExecutor",
    "Job",
    "Left",
    "LoggedMetrics",
    "Notice",
    "ProcessExecutor",
    "ProgramJob",
    "Resumed",
    "StackJob",
    "choose_executor",
    "choose_program_executor",
    "rung_file",
    "visible_gpus",
]

__getattr__ = lazily(__name__, __file__)
