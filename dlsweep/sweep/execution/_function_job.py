"""One call of a function of this process as a job; its wandb run is read as a program's is."""

from __future__ import annotations

import ctypes
import os
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dlsweep.sweep.execution._program_job import ProgramJob

_END_SECONDS = 5.0
"""How long a function may take to end once it is interrupted and its job is dropped."""


@dataclass(frozen=True)
class FunctionJob(ProgramJob):
    """One call of a function for one point of a sweep; see ``ProgramJob``.

    The function is called without arguments in a thread, as ``wandb.agent`` calls it. What it
    prints is not kept. To end it, KeyboardInterrupt is raised in its thread, which takes effect
    once that runs Python code.

    Attributes:
        function: makes its run by ``wandb.init()``, and has its point in ``wandb.config``.
    """

    function: Callable[[], object] = lambda: None

    def _start(self, environment: Mapping[str, str]) -> FunctionCall:
        """Start what is run, with these variables."""
        changed = {k: v for k, v in environment.items() if os.environ.get(k) != v}
        return FunctionCall(self.function, changed)


class FunctionCall:
    """A call in a thread of its own; see ``Program``, which has the same methods.

    Args:
        function: what is called.
        environment: variables that are set meanwhile.
    """

    def __init__(self, function: Callable[[], object], environment: Mapping[str, str]) -> None:
        self._function = function
        self._environment = environment
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._call, name="function", daemon=True)
        self._thread.start()

    def __enter__(self) -> FunctionCall:
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self.end(0)
            self._thread.join(_END_SECONDS)

    def poll(self) -> int | None:
        """0 or 1 once it has returned or raised; None as long as it runs."""
        if self._thread.is_alive():
            return None
        return 0 if self._error is None else 1

    def end(self, number: int) -> None:
        """Interrupt it, whatever the number of the signal."""
        thread = ctypes.c_ulong(self._thread.ident or 0)
        interrupt = ctypes.py_object(KeyboardInterrupt)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, interrupt)

    def reason(self, code: int) -> str:
        """Why it failed, in one line."""
        error = f"{type(self._error).__name__}: {self._error}".splitlines()[0]
        return f"the function raised {error.removesuffix(': ')}"

    def _call(self) -> None:
        from dlsweep.tracking import call_with_run  # which imports wandb

        try:
            call_with_run(self._function, self._environment)
        except SystemExit as exit:
            self._error = exit if exit.code else None
        except BaseException as error:
            self._error = error
            if not isinstance(error, KeyboardInterrupt):
                traceback.print_exc()
