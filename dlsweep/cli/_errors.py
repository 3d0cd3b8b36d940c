"""How every command ends when something is wrong: clear lines, an exit code, no traceback."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from typing import ParamSpec

from dlsweep.config import ConfigError

P = ParamSpec("P")

BAD_INPUT = 2
INTERRUPTED = 130


class _Lines(logging.Handler):
    """The package's notices as plain lines on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"dlsweep: {record.getMessage()}", file=sys.stderr, flush=True)


def notices_to_stderr() -> None:
    """Show what the package logs, once."""
    logger = logging.getLogger("dlsweep")
    if not any(isinstance(handler, _Lines) for handler in logger.handlers):
        logger.addHandler(_Lines())
        logger.setLevel(logging.INFO)
        logger.propagate = False


def complain(problems: tuple[str, ...] | list[str]) -> None:
    """Print problems, one line each, on standard error."""
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr, flush=True)


def command(function: Callable[P, int]) -> Callable[P, int]:
    """A command's function whose errors become lines and exit codes."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> int:
        notices_to_stderr()
        try:
            return function(*args, **kwargs)
        except ConfigError as error:
            complain(error.problems)
            return BAD_INPUT
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return INTERRUPTED
        except Exception as error:
            from dlsweep.data import DataUnavailable  # here, so that bad flags cost no import

            if isinstance(error, DataUnavailable):
                print(f"error: {error}", file=sys.stderr)
                return 1
            raise

    return guarded
