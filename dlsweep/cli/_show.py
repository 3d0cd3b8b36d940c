"""How runs are shown in a terminal."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dlsweep.cli._table import table_lines

if TYPE_CHECKING:
    from dlsweep.sweep import StudyTable


def print_runs(study: StudyTable, most: int | None = None, *, wide: bool = False) -> None:
    """Print the table of a study's runs; see ``table_lines``.

    Args:
        study: the runs.
        most: how many of them; all by default.
        wide: every column, however wide the table gets.
    """
    width = None if wide else _columns()
    for line in table_lines(study, width, most, _bold):
        print(line)


def _columns() -> int | None:
    """How wide the output is; None, no limit, where it is not a terminal and COLUMNS is not set."""
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS", "").isdecimal():
        return None
    return shutil.get_terminal_size().columns


def _bold(text: str) -> str:
    plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    return text if plain or not text else f"\033[1m{text}\033[0m"


def failed_outputs(study: StudyTable) -> str:
    """A line that names the output of the programs that failed; empty where there is none."""
    outputs = [row.info["output"] for row in study.rows if row.reason and "output" in row.info]
    if not outputs:
        return ""
    if len(outputs) == 1:
        return f"all that the failed run wrote: {os.path.relpath(outputs[0])}"
    folders = {Path(output).parent.parent for output in outputs}
    where = ", ".join(f"{os.path.relpath(folder)}/RUN/output.log" for folder in sorted(folders))
    return f"all that each of the {len(outputs)} failed runs wrote: {where}"
