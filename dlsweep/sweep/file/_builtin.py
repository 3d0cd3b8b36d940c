"""Whether a sweep file's program is dlsweep's own, so that its runs can be trained in stacks."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

from dlsweep.sweep.file._command import MACROS, Command

_TRAIN_MAIN = "dlsweep.cli.train_main"
_PYTHON = re.compile(r"(python|pypy)[0-9.]*(\.exe)?")
_DLSWEEP = ("dlsweep", "dlsweep.exe")
_WITH_A_VALUE = ("-W", "-X")
_COMMAND_LINE = ("", "sys.argv[1:]")


def is_builtin(command: Command, cwd: Path) -> bool:
    """Whether a command trains dlsweep's own networks: see ``builtin_flags``."""
    return builtin_flags(command, cwd) is not None


def builtin_flags(command: Command, cwd: Path) -> list[str] | None:
    """The flags that a command passes to dlsweep's own program beside those of the point.

    Dlsweep's own are: no program and no command; ``dlsweep train``; ``python -m dlsweep train``;
    and a Python file that does nothing but hand its command line over to
    ``dlsweep.cli.train_main``, whatever its name. Where in doubt a program is the user's own, for
    running it gives the right result too.

    Args:
        command: of the sweep file.
        cwd: the working directory, to which paths of the command are relative.

    Returns:
        The literal words after the program, most often none; None for any other program.
    """
    if command.program is None and "${program}" in command.words:
        return []
    words = command.expanded()
    if words and words[0] in ("${env}", "env", "/usr/bin/env"):
        words = words[1:]
    rest: list[str] | None = None
    if words and (words[0] == "${interpreter}" or _PYTHON.fullmatch(Path(words[0]).name)):
        words = _without_options(words[1:])
        if words[:3] == ["-m", "dlsweep", "train"]:
            rest = words[3:]
    elif words[1:2] == ["train"] and Path(words[0]).name in _DLSWEEP:
        rest = words[2:]
    if rest is None and words and _hands_over(cwd / words[0]):
        rest = words[1:]
    return None if rest is None else [word for word in rest if word not in MACROS]


def _without_options(words: list[str]) -> list[str]:
    """What follows the options of a Python interpreter: a file, or ``-m`` and a module."""
    while words and words[0].startswith("-") and words[0] not in ("-m", "-c", "-"):
        words = words[2 if words[0] in _WITH_A_VALUE else 1 :]
    return words


def _hands_over(path: Path) -> bool:
    """Whether a Python file does nothing but call ``dlsweep.cli.train_main``."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return _HandOver(tree).found


class _HandOver:
    """Reads a module statement by statement; anything that is not the handing over ends it.

    Allowed are docstrings, imports of dlsweep and of the standard library, the test of
    ``__name__``, and functions and calls that lead to ``train_main()``.

    Attributes:
        found: whether the module hands over, and does nothing else.
    """

    def __init__(self, tree: ast.Module) -> None:
        self._train_main: set[str] = set()
        self._functions: set[str] = set()
        self._called = False
        self.found = all(map(self._allowed, tree.body)) and self._called

    def _allowed(self, node: ast.stmt) -> bool:
        match node:
            case ast.Import(names):
                return all(self._imported(a.name, a.asname or a.name) for a in names)
            case ast.ImportFrom(module, names, 0):
                return all(self._imported(f"{module}.{a.name}", a.asname or a.name) for a in names)
            case ast.FunctionDef(name=name, body=body, decorator_list=[]):
                called, self._called = self._called, False
                allowed = all(map(self._allowed, body))
                if self._called:
                    self._functions.add(name)
                self._called = called
                return allowed
            case ast.If(test, body, []) if ast.unparse(test) == "__name__ == '__main__'":
                return all(map(self._allowed, body))
            case ast.Expr(ast.Constant()) | ast.Pass():
                return True
            case ast.Expr(value) | ast.Return(value) | ast.Raise(value, None):
                return isinstance(value, ast.Call) and self._leads_there(value)
        return False

    def _imported(self, name: str, here: str) -> bool:
        if f"{_TRAIN_MAIN}.".startswith(f"{name}."):
            self._train_main.add(here + _TRAIN_MAIN.removeprefix(name))
        return name.split(".")[0] in {"dlsweep", *sys.stdlib_module_names}

    def _leads_there(self, call: ast.Call) -> bool:
        function = ast.unparse(call.func)
        arguments = ", ".join(map(ast.unparse, [*call.args, *call.keywords]))
        if function in ("sys.exit", "exit", "SystemExit") and len(call.args) == 1:
            return isinstance(call.args[0], ast.Call) and self._leads_there(call.args[0])
        found = function in self._train_main and arguments in _COMMAND_LINE
        found = found or (function in self._functions and not arguments)
        self._called = self._called or found
        return found
