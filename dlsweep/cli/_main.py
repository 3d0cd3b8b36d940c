"""``dlsweep``: the sub-commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from dlsweep._version import __version__
from dlsweep.cli import _data, _runs, _sweep
from dlsweep.cli._errors import command
from dlsweep.config import ConfigError


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises its complaint instead of ending the program."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError([f"{message}; see `{self.prog} --help`"])


@command
def main(argv: Sequence[str] | None = None) -> int:
    """The console command; returns the exit code."""
    parser = _Parser(
        prog="dlsweep",
        description="Hyperparameter sweeps for small image classifiers, with or without W&B.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"dlsweep {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")
    for module in (_sweep, _runs, _data):
        module.add_parser(commands)
    arguments = parser.parse_args(sys.argv[1:] if argv is None else argv)
    code: int = arguments.run(arguments)
    return code
