"""A function that makes its own wandb run in this process, as ``wandb.agent`` calls it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping

import wandb


def call_with_run(function: Callable[[], object], environment: Mapping[str, str]) -> None:
    """Call a function whose ``wandb.init`` gets its run and its point from variables.

    As under ``wandb.agent``, wandb is set up anew for each call, and a run that the function leaves
    open is finished, with exit code 1 if the function raises.

    Args:
        function: called without arguments.
        environment: the variables WANDB_…, set for as long as the function runs.
    """
    with _variables(environment):
        wandb.teardown()  # else it keeps the variables of the last call
        try:
            function()
        except BaseException:
            wandb.finish(exit_code=1)
            raise
        else:
            wandb.finish()
        finally:
            wandb.teardown()


@contextlib.contextmanager
def _variables(environment: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process for a while."""
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
