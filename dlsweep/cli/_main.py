"""``dlsweep``: the sub-commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from dlsweep._version import __version__
from dlsweep.cli import (
    _ablate,
    _agent,
    _completion,
    _data,
    _export,
    _predict,
    _repeat,
    _report,
    _runs,
    _stop,
    _sweep,
    _sync,
    _train,
)
from dlsweep.cli._completion import complete
from dlsweep.cli._errors import command
from dlsweep.cli._manual import add_manual
from dlsweep.cli._train import train
from dlsweep.config import ConfigError
from dlsweep.config.errors import did_you_mean, nearest

_MODULES = (
    _sweep,
    _train,
    _repeat,
    _ablate,
    _stop,
    _agent,
    _runs,
    _sync,
    _export,
    _report,
    _predict,
    _data,
    _completion,
)
"""The modules of the commands, in the order in which ``--help`` lists them."""


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises its complaint instead of ending the program."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError([f"{message}; see `{self.prog} --help`"])

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            hint = did_you_mean(value, map(str, action.choices))
            if action.dest == "command" and str(value).endswith((".yaml", ".yml")):
                hint = f"; did you mean `{self.prog} sweep {value}`?"
            raise argparse.ArgumentError(action, f"got {value!r}{hint}")


def build_parser() -> tuple[_Parser, dict[str, _Parser]]:
    """The parser of the command line, and those of its commands by name."""
    parser = _Parser(
        prog="dlsweep",
        description="Hyperparameter sweeps for small image classifiers, with or without W&B.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"dlsweep {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")
    for module in _MODULES:
        module.add_parser(commands)
    add_manual(parser, "")
    for name, sub_parser in commands.choices.items():
        add_manual(sub_parser, name)
    return parser, commands.choices


@command
def main(argv: Sequence[str] | None = None) -> int:
    """The console command; returns the exit code."""
    parser, commands = build_parser()
    complete(parser, commands)
    words = list(sys.argv[1:] if argv is None else argv)
    if not words:
        parser.print_help()
        return 0
    if words[0] == "train":  # whose flags are the settings, and may come as JSON
        return train(words[1:], "dlsweep train")
    arguments, rest = parser.parse_known_args(words)
    problems = _refusals(rest, commands[arguments.command])
    code: int = arguments.run(arguments, problems)
    return code


def _refusals(rest: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """One line for each argument that a command does not take, with the flag it probably means."""
    see = f"; see `{parser.prog} --help`"
    problems = []
    for argument in rest:
        flag = argument.partition("=")[0]
        if flag.startswith("-"):
            found = _of_letter(flag, parser) or nearest(flag, parser._option_string_actions)
            problems.append(f"{flag}: no such flag{f'; did you mean {found}?' if found else see}")
    return problems or [f"{argument}: one argument too many{see}" for argument in rest]


def _of_letter(flag: str, parser: argparse.ArgumentParser) -> str | None:
    """The only flag of a command that begins with the letter of a short one, such as -o."""
    if len(flag) != 2:
        return None
    long = [f for f in parser._option_string_actions if f.startswith(f"-{flag}")]
    return long[0] if len(long) == 1 else None
