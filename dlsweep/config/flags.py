"""train.py's flags, made from ``RunConfig``."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from dlsweep.config import kinds
from dlsweep.config.errors import ConfigError, nearest
from dlsweep.config.fields import SETTINGS
from dlsweep.config.names import setting_name
from dlsweep.config.parse import parse_settings
from dlsweep.config.run_config import RunConfig

_DEFAULTS: dict[str, Any] = {f.name: f.default for f in dataclasses.fields(RunConfig)}


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises its complaint instead of ending the program."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError([message])


def _help(name: str) -> str:
    setting = SETTINGS[name]
    values = ", ".join(setting.values) if setting.values else setting.expects
    default = _DEFAULTS[name]
    if name == "conv_layers":
        default = ",".join(f"{c.channels}x{c.kernel}x{c.kernel}/{c.stride}" for c in default)
    return f"{setting.help} ({values}; default: {default})".replace("%", "%%")


def flag_parser(prog: str = "train.py") -> argparse.ArgumentParser:
    """The parser of all flags; every value stays text, for ``parse_settings`` to judge together."""
    parser = _Parser(
        prog=prog,
        description="Train one configuration and log it to W&B.",
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    for name, setting in SETTINGS.items():
        spellings = [*setting.flags, f"--{name}"]
        if "_" in name:
            spellings.append(f"--{name.replace('_', '-')}")
        extra: dict[str, Any] = {}
        if setting.parse is kinds.boolean:
            extra = {"nargs": "?", "const": "true"}
        elif name == "hidden_size":
            extra = {"nargs": "+"}
        parser.add_argument(
            *dict.fromkeys(spellings),
            dest=name,
            metavar=name.upper() if setting.values is None else "|".join(setting.values),
            help=_help(name),
            **extra,
        )
    return parser


def _canonical_flag(argument: str) -> str:
    """``--hidden-layers=3`` as ``--num_layers=3``: W&B's agents write the sweep file's own keys."""
    if not argument.startswith("--") or argument == "--":
        return argument
    flag, equals, value = argument[2:].partition("=")
    name = setting_name(flag)
    return argument if name is None else f"--{name}{equals}{value}"


def _literal(value: Any) -> Any:
    """Nested parameters arrive as the text of a dictionary, in JSON or Python spelling."""
    if isinstance(value, list):
        return value[0] if len(value) == 1 else value
    if not isinstance(value, str) or not value.startswith("{"):
        return value
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(value)
        except (ValueError, SyntaxError):
            continue
        if isinstance(found, dict):
            return found
    return value


def parse_flags(argv: Sequence[str], prog: str = "train.py") -> tuple[dict[str, Any], list[str]]:
    """The settings given by flags, checked.

    Args:
        argv: the arguments after the program's name. One argument may be a JSON object with
            settings, which is what ``${args_json}`` in a sweep file's command makes.
        prog: the name that ``--help`` shows.

    Returns:
        The settings that were given, canonical, by name; and the notices of ``parse_settings``.

    Raises:
        ConfigError: with one line for everything that is wrong.
        SystemExit: after ``--help``.
    """
    problems: list[str] = []
    parser = flag_parser(prog)
    nested: dict[str, Any] = {}
    plain: list[str] = []
    for argument in argv:
        flag, _, value = argument.partition("=")
        found = _literal(value if flag.startswith("--") else argument)
        if isinstance(found, dict):
            nested.update({flag[2:]: found} if flag.startswith("--") else found)
        else:
            plain.append(argument)
    namespace, rest = parser.parse_known_args([_canonical_flag(a) for a in plain])
    known = [option for action in parser._actions for option in action.option_strings]
    for argument in rest:
        if argument.startswith("-") and not _is_number(argument):
            flag = argument.partition("=")[0]
            found = nearest(flag, known)
            hint = f"; did you mean {found}?" if found else "; see --help"
            problems.append(f"{flag}: no such flag{hint}")
    if not problems and rest:
        problems += [f"{argument}: a value without a flag{_hint(argument)}" for argument in rest]
    given = {name: _literal(value) for name, value in vars(namespace).items()}
    given.update(nested)
    try:
        _, settings, notices = parse_settings(given)
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems)
    return settings, notices


def _hint(argument: str) -> str:
    if argument.endswith((".yaml", ".yml")):
        return f"; `dlsweep sweep {argument}` trains a sweep file"
    return "; see --help"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def command_line(config: Mapping[str, Any]) -> str:
    """The flags that train a configuration again, quoted for a shell.

    Args:
        config: settings as ``RunConfig.as_dict`` gives them; what is the default is left out, and
            so is where the run was: its project, entity and device.
    """
    defaults = RunConfig().as_dict()
    words: list[str] = []
    for name, value in config.items():
        if name in ("wandb_project", "wandb_entity", "device") or defaults.get(name) == value:
            continue
        if name == "hidden_size" and isinstance(value, list):
            words += [f"--{name}", *map(str, value)]
        elif name == "conv_layers":
            layers = ",".join(f"{c['channels']}x{c['kernel']}/{c['stride']}" for c in value)
            words += [f"--{name}", layers]
        else:
            words += [f"--{name}", str(value)]
    return shlex.join(words)
