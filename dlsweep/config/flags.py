"""train.py's flags, made from ``RunConfig``."""

from __future__ import annotations

import argparse
import ast
import itertools
import json
import os
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from dlsweep.config import kinds
from dlsweep.config.choices import MODELS
from dlsweep.config.errors import ConfigError, nearest, shown
from dlsweep.config.fields import SETTINGS
from dlsweep.config.model_options import REQUIRED, model_options
from dlsweep.config.names import meant_setting, nearest_option, nothing_alike, setting_name
from dlsweep.config.own_model import is_own, model_name
from dlsweep.config.parse import NONE, VARIANT, flatten, parse_settings
from dlsweep.config.relations import heeded
from dlsweep.config.run_config import RunConfig
from dlsweep.config.setting import Setting, from_option
from dlsweep.parts import Option

_DEFAULTS = RunConfig()


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises its complaint instead of ending the program."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError([message])


def _help(name: str, setting: Setting, default: Any) -> str:
    values = setting.expects or ", ".join(setting.values or ())
    if name == "conv_layers":
        default = ",".join(layer.text for layer in default)
    shown = "must be given" if default is REQUIRED else f"default: {default}"
    return f"{setting.help} ({values}; {shown})".replace("%", "%%")


def flag_parser(
    prog: str = "train.py", options: Mapping[str, Option] = NONE
) -> argparse.ArgumentParser:
    """The parser of all flags; every value stays text, for ``parse_settings`` to judge together.

    Args:
        prog: the name that ``--help`` shows.
        options: the settings that a model of the user's own brings.
    """
    parser = _Parser(
        prog=prog,
        description="Train one configuration and log it to W&B.",
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    for name, setting in SETTINGS.items():
        if name not in options:
            _add(parser, name, setting, _DEFAULTS[name])
    if options:
        group = parser.add_argument_group("settings of the model")
        for name, option in options.items():
            _add(group, name, from_option(option), option.default)
    return parser


def _add(to: Any, name: str, setting: Setting, default: Any) -> None:
    spellings = [*setting.flags, f"--{name}"]
    if "_" in name:
        spellings.append(f"--{name.replace('_', '-')}")
    extra: dict[str, Any] = {}
    if setting.parse is kinds.boolean:
        extra = {"nargs": "?", "const": "true"}
    elif name == "hidden_size" or setting.expects.startswith("integers"):
        extra = {"nargs": "+"}
    to.add_argument(
        *dict.fromkeys(spellings),
        dest=name,
        metavar=name.upper() if setting.values is None else "|".join(setting.values),
        help=_help(name, setting, default),
        **extra,
    )


def _canonical_flags(arguments: Sequence[str], options: Mapping[str, Option]) -> list[str]:
    """``--hidden-layers=3`` as ``--num_layers=3``: W&B's agents write the sweep file's own keys."""
    found = []
    for i, argument in enumerate(arguments):
        if not argument.startswith("--") or argument == "--":
            found.append(argument)
            continue
        flag, equals, value = argument[2:].partition("=")
        following = list(itertools.takewhile(_is_value, arguments[i + 1 :]))
        given = value if equals else following if len(following) > 1 else "".join(following)
        name = nearest_option(flag, options) or meant_setting(flag, [given])
        found.append(argument if name is None else f"--{name}{equals}{value}")
    return found


def _is_value(argument: str) -> bool:
    return not argument.startswith("-") or _is_number(argument)


def _literal(value: Any) -> Any:
    """Nested parameters arrive as the text of a dictionary, in JSON or Python spelling."""
    if isinstance(value, list):
        as_text = len(value) == 1 or value[0].endswith(",")  # -sz 128, 64: a list without brackets
        return " ".join(value) if as_text else value
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


def _with_dictionaries(argv: Sequence[str]) -> list[str]:
    """Arguments in which a flag and a dictionary that follows it are one: ``--NAME={...}``."""
    found: list[str] = []
    for argument in argv:
        before = found[-1] if found else ""
        flag = before.startswith("--") and "=" not in before and before != "--"
        if flag and argument.startswith("{") and isinstance(_literal(argument), dict):
            found[-1] = f"{before}={argument}"
        else:
            found.append(argument)
    return found


def parse_flags(argv: Sequence[str], prog: str = "train.py") -> tuple[dict[str, Any], list[str]]:
    """The settings given by flags, checked.

    Args:
        argv: the arguments after the program's name. One argument may be a JSON object with
            settings, or a file of one, which is what ``${args_json}`` and ``${args_json_file}`` in
            a sweep file's command make. ``--config FILE`` reads settings from YAML or JSON; flags
            go before these.
        prog: the name that ``--help`` shows.

    Returns:
        The settings that were given, canonical, by name; and the notices of ``parse_settings``.

    Raises:
        ConfigError: with one line for everything that is wrong.
        SystemExit: after ``--help``.
    """
    problems: list[str] = []
    nested: dict[str, Any] = {}
    plain: list[str] = []
    files, argv = _config_files(argv)
    written = dict(itertools.chain.from_iterable(map(flatten, map(_read_settings, files))))
    for argument in _with_dictionaries(argv):
        flag, _, value = argument.partition("=")
        if flag == "--_wandb":
            continue  # older clients of W&B tell every program of themselves
        found = _literal(value if flag.startswith("--") else argument)
        if isinstance(found, dict):
            nested.update({flag[2:]: found} if flag.startswith("--") else found)
        else:
            plain.append(argument)
    options = _options(plain, {**written, **nested})
    parser = flag_parser(prog, options)
    namespace, rest = parser.parse_known_args(_canonical_flags(plain, options))
    known = [option for action in parser._actions for option in action.option_strings]
    for argument in rest:
        if argument.startswith("-") and not _is_number(argument):
            flag, _, value = argument.partition("=")
            if flag == f"--{VARIANT}":
                example = "{'learning_rate': 0.001}"
                problems.append(f"{flag}: got {shown(value)}, expected settings such as {example}")
                continue
            found = nearest(flag, known)
            hint = f"did you mean {found}?" if found else "see --help"
            problems.append(f"{flag}: no such flag; {nothing_alike(flag) or hint}")
    if not problems and rest:
        problems += [f"{argument}: a value without a flag{_hint(argument)}" for argument in rest]
    given = {name: _literal(value) for name, value in vars(namespace).items()}
    given.update(nested)
    try:
        _, settings, notices = parse_settings({**_not_in(written, given, options), **given})
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems)
    return settings, notices


def _config_files(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """The files that ``--config`` or a bare argument names, and the other arguments."""
    files, rest, words = [], [], iter(argv)
    for word in words:
        flag, equals, value = word.partition("=")
        if flag == "--config":
            files.append(value if equals else next(words, ""))
        elif word.endswith(".json") and _is_value(word) and os.path.isfile(word):
            files.append(word)
        else:
            rest.append(word)
    return files, rest


def _read_settings(file: str) -> Mapping[str, Any]:
    """The settings in a file; raises ConfigError with what is wrong with it."""
    if not file:
        raise ConfigError(["--config: got nothing; it needs a file of settings, YAML or JSON"])
    import yaml  # which the engine does without

    try:
        with open(file, encoding="utf-8-sig") as text:
            found = yaml.safe_load(text)
    except OSError as error:
        raise ConfigError([f"--config: {file}: {error.strerror}"]) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())
        raise ConfigError([f"--config: {file}: not YAML or JSON: {why}"]) from None
    if not isinstance(found, Mapping):
        raise ConfigError([f"--config: {file}: expected settings, such as learning_rate: 0.001"])
    if {"method", "parameters"} <= found.keys():
        raise ConfigError([f"--config: {file} is a sweep file; `dlsweep sweep {file}` trains it"])
    # What W&B keeps of a run's configuration stands in dictionaries of its own.
    return {
        str(key): value["value"] if isinstance(value, Mapping) and "value" in value else value
        for key, value in found.items()
        if key not in ("wandb_version", "_wandb")
    }


def _not_in(
    written: Mapping[str, Any], given: Mapping[str, Any], options: Mapping[str, Option]
) -> dict[str, Any]:
    """The settings of a file that no flag gives."""

    def meant(key: str, value: Any) -> str | None:
        return nearest_option(key, options) or meant_setting(key, [value])

    flags = {meant(key, value) for key, value in flatten(given)}
    return {k: v for k, v in written.items() if meant(k, v) is None or meant(k, v) not in flags}


def _options(plain: Sequence[str], nested: Mapping[str, Any]) -> Mapping[str, Option]:
    """What the model that the arguments name brings.

    Raises:
        ConfigError: where it is a class that cannot be had.
    """
    parser = _Parser(allow_abbrev=False, add_help=False)
    parser.add_argument("--model")
    named, _ = parser.parse_known_args(_canonical_flags(plain, NONE))
    model = named.model
    for key, value in flatten(nested):
        if setting_name(key) == "model":
            model = value
    try:
        model = model_name(model)
    except ValueError:
        return NONE  # none, or refused with the other settings
    return model_options(model) if is_own(model) else NONE


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


def _defaults_of_model(model: str) -> dict[str, Any]:
    """The defaults of the settings that a model of the user's own brings."""
    try:
        options = model_options(model) if is_own(model) else {}
    except ConfigError:  # it is not there any more: all that it may have brought is written
        return dict.fromkeys(MODELS["cnn"].heeds, REQUIRED)
    defaults = {name: option.default for name, option in options.items()}
    if is_own(model):
        defaults["weight_init"] = "torch"
    return {n: list(v) if isinstance(v, tuple) else v for n, v in defaults.items()}


def command_line(config: Mapping[str, Any]) -> str:
    """The flags that train a configuration again, quoted for a shell.

    Args:
        config: settings as ``RunConfig.as_dict`` gives them; what is the default is left out, what
            has no effect beside the others, and where the run was: its project, entity and device.
    """
    defaults = {**RunConfig().as_dict(), **_defaults_of_model(str(config.get("model", "")))}
    words: list[str] = []
    for name, value in heeded(config).items():
        if name in ("wandb_project", "wandb_entity", "device") or defaults.get(name) == value:
            continue
        if isinstance(value, list) and name != "conv_layers":
            # One value alone is a size for every layer.
            words += [f"--{name}", *(map(str, value) if len(value) != 1 else [str(value)])]
        elif name == "conv_layers":
            words += [f"--{name}", ",".join(layer.text for layer in kinds.conv_layers(value))]
        else:
            words += [f"--{name}", str(value)]
    return shlex.join(words)
