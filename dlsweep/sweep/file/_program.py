"""Whether the program of a sweep is there."""

from __future__ import annotations

import shutil
from pathlib import Path

from dlsweep.config.errors import nearest
from dlsweep.sweep.file._command import Command

_BUILTIN = "--builtin trains the built-in networks instead"
_FILE = {"program": "file", "command": "program"}
_SCRIPTS = (".py", ".sh")


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
    first = command.expanded()[0]
    if not first.startswith("${") and not _found(first, cwd):
        what = "program" if words[0] == "${program}" else "command"
        return [f"{what}: {first}: no such {_FILE[what]}{_beside(cwd / first, cwd)} {_BUILTIN}"]
    if program is None or "${program}" not in words or (cwd / program).exists():
        return []
    before = words[words.index("${program}") - 1]
    if before == "-m" or (before == "${env}" and shutil.which(program)):
        return []
    return [f"program: {program}: no such file{_beside(cwd / program, cwd)} {_BUILTIN}"]


def _found(word: str, cwd: Path) -> bool:
    return (cwd / word).exists() or shutil.which(word) is not None


def _beside(path: Path, cwd: Path) -> str:
    """A hint at the script in the same folder that was probably meant, and what ends it."""
    scripts = {file.name: file for file in path.parent.glob("*") if file.suffix in _SCRIPTS}
    found = nearest(path.name, scripts)
    if found is None:
        return ";"
    file = scripts[found]
    return f"; did you mean {file.relative_to(cwd) if file.is_relative_to(cwd) else file}?"
