"""Whether the program of a sweep is there."""

from __future__ import annotations

import shutil
from pathlib import Path

from dlsweep.config.errors import nearest
from dlsweep.sweep.file._command import Command


def missing_program(command: Command, cwd: Path | None) -> list[str]:
    """A line for a program that is not named or, where the disk is looked at, not there.

    Args:
        command: of a sweep of a program.
        cwd: the working directory, to which paths are relative; None to look at no file.
    """
    program, words = command.program, command.words
    if program is None and "${program}" in words:
        return ["program: missing; the command needs it for ${program}"]
    if cwd is None:
        return []
    line = "{}: {}: no such {}{} --builtin trains the built-in networks instead"
    if "${program}" in words and program is not None:
        before = words[: words.index("${program}")][-1:]
        runs = before in ((), ("${env}",))  # else it is what something else reads
        there = (cwd / program).exists() or (runs and shutil.which(program) is not None)
        if not there and before != ("-m",):
            return [line.format("program", program, "file", _beside(program, cwd))]
    first = command.expanded()[0]
    if not first.startswith("${") and not (cwd / first).exists() and shutil.which(first) is None:
        return [line.format("command", first, "program", _beside(first, cwd))]
    return []


def _beside(path: str, cwd: Path) -> str:
    """A hint at the script in the same folder that was probably meant, and what ends it."""
    folder = (cwd / path).parent
    scripts = {file.name: file for file in folder.glob("*") if file.suffix in (".py", ".sh")}
    found = nearest(Path(path).name, scripts)
    return ";" if found is None else f"; did you mean {Path(path).parent / found}?"
