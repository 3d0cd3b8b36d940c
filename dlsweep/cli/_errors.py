"""How every command ends when something is wrong: clear lines, an exit code, no traceback."""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import ParamSpec

from dlsweep._unwritable import Unwritable
from dlsweep.config import ConfigError

P = ParamSpec("P")

BAD_INPUT = 2
INTERRUPTED = 130
CLOSED_PIPE = 141
"""What a shell says of a program that SIGPIPE has ended."""


class _Lines(logging.Handler):
    """The package's notices as plain lines on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        # In one piece: print() writes the end of the line by itself, and Ctrl-C may come between.
        sys.stderr.write(f"dlsweep: {record.getMessage()}\n")
        sys.stderr.flush()


@contextlib.contextmanager
def notices_to_stderr() -> Iterator[None]:
    """Show what the package logs, while a command runs."""
    logger = logging.getLogger("dlsweep")
    before = logger.level, logger.propagate
    handler = _Lines()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def complain(problems: tuple[str, ...] | list[str]) -> None:
    """Print problems, one line each, on standard error."""
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr, flush=True)


def _write_what_can_be_written() -> None:
    """Have letters that an output's encoding lacks, such as ≥, written by their numbers."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def _output_is_lost(error: OSError) -> bool:
    """Whether it is standard output, and no other file or pipe, that could not be written."""
    if error.errno not in (errno.EPIPE, errno.ENOSPC):
        return False
    try:
        descriptor = sys.stdout.fileno()
        os.write(descriptor, b"\n")  # an error says neither of what file it is nor keeps its text
        return False
    except OSError:
        # What is left in the buffer goes nowhere: Python would complain of it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        return True
    except ValueError:  # no file at all
        return False


def command(function: Callable[P, int]) -> Callable[P, int]:
    """A command's function whose errors become lines and exit codes."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> int:
        _write_what_can_be_written()
        logging.raiseExceptions = False  # wandb's logs on a full disk: the command says it once
        try:
            os.getcwd()
        except OSError:  # libraries end the program where this fails
            complain(["the working folder is not there any more; change to another"])
            return BAD_INPUT
        try:
            with notices_to_stderr():
                code = function(*args, **kwargs)
                sys.stdout.flush()
                return code
        except ConfigError as error:
            complain(error.problems)
            return 1 if isinstance(error, Unwritable) else BAD_INPUT
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return INTERRUPTED
        except Exception as error:
            if isinstance(error, OSError) and _output_is_lost(error):
                if isinstance(error, BrokenPipeError):  # whoever reads has seen enough
                    return CLOSED_PIPE
                why = error.strerror or str(error)
                print(f"error: standard output cannot be written: {why}", file=sys.stderr)
                return 1
            if isinstance(error, OSError) and (unwritable := Unwritable.of(error)) is not None:
                complain(unwritable.problems)
                return 1
            # Here, so that bad flags cost no import.
            from dlsweep.data import DataUnavailable
            from dlsweep.sweep import ExecutorError, StorageError
            from dlsweep.tracking import TrackingError

            if isinstance(error, DataUnavailable | ExecutorError | StorageError | TrackingError):
                print(f"error: {error}", file=sys.stderr)
                return 1
            raise

    return guarded
