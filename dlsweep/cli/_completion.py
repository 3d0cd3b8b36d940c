"""``dlsweep completion``: what is typed is completed by the shell."""

from __future__ import annotations

import argparse
import os
from collections.abc import MutableMapping
from typing import Any

from dlsweep.config import SETTINGS, ConfigError, flag_parser


def add_parser(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "completion",
        help="let the shell complete commands, flags and studies",
        description="Print what a shell needs to complete commands, flags, the values of settings "
        "and the names of studies. It needs argcomplete: pip install 'dlsweep[completion]'.",
        allow_abbrev=False,
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="your shell")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, problems: list[str]) -> int:
    """Print the shell's code."""
    if problems:
        raise ConfigError(problems)
    try:
        from argcomplete.shell_integration import shellcode
    except ImportError:
        line = "completion: argcomplete is not installed; pip install 'dlsweep[completion]'"
        raise ConfigError([line]) from None
    print(shellcode(["dlsweep"], shell=arguments.shell))
    return 0


def complete(parser: argparse.ArgumentParser, commands: MutableMapping[str, Any]) -> None:
    """Answer the shell where it asks for completions, and end; else do nothing."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    try:
        import argcomplete
    except ImportError:
        return
    train = flag_parser("dlsweep train")
    train.add_argument("--study")
    train.add_argument("--storage")
    commands["train"] = train
    for command in commands.values():
        for action in command._actions:
            setting = SETTINGS.get(action.dest)
            if action.dest == "study":
                action.completer = _studies
            elif setting is not None and setting.values and not action.choices:
                action.completer = _Words(tuple(setting.values))
    argcomplete.autocomplete(parser)


class _Words:
    """Completes one of some words."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = words

    def __call__(self, **_: Any) -> tuple[str, ...]:
        return self._words


def _studies(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """The names of the studies in the file that was named, or in the usual one."""
    from dlsweep.sweep import StorageError, study_names

    try:
        return study_names(getattr(parsed_args, "storage", None))
    except (ConfigError, StorageError):
        return []
