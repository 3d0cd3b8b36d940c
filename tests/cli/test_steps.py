"""What a long command shows of its steps: in a terminal only, and only after a while."""

from __future__ import annotations

import io
import time

from rich.console import Console

from dlsweep.cli._steps import Steps


def shown(terminal: bool, patience: float) -> str:
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=80)
    with Steps(console, patience) as step:
        step("reading the runs")
        end = time.monotonic() + 20
        while "reading the runs" not in written.getvalue() and time.monotonic() < end:
            if not terminal or patience > 20:
                break
            time.sleep(0.01)
    return written.getvalue()


def test_a_step_that_takes_long_is_shown_in_a_terminal():
    assert "dlsweep: reading the runs …" in shown(terminal=True, patience=0)


def test_a_quick_command_shows_nothing_and_neither_does_a_file():
    assert shown(terminal=True, patience=60) == ""
    assert shown(terminal=False, patience=0) == ""
