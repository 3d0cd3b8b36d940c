"""The command of a sweep file: what ``wandb agent`` would run for a point.

Source: ``wandb_agent.py`` and ``sdk/launch/sweeps/utils.py`` of wandb 0.26 to 0.31, whose words are
reproduced one for one; https://docs.wandb.ai/models/sweeps/define-sweep-configuration has the
macros.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlsweep.config.errors import did_you_mean, shown

DEFAULT_COMMAND = ("${env}", "${interpreter}", "${program}", "${args}")
"""W&B's command where the sweep file has none."""

MACROS = (
    *DEFAULT_COMMAND,
    *("${args_no_hyphens}", "${args_no_boolean_flags}", "${args_no_equals}"),
    *("${args_append_hydra}", "${args_override_hydra}", "${args_json}", "${args_json_file}"),
)
"""The words of a command that W&B replaces; ``${envvar:NAME}`` it replaces inside words too."""

_VARIABLE = re.compile(r"\$\{envvar:([A-Z0-9_]*)\}")


@dataclass(frozen=True)
class Command:
    """What a sweep file says is run for each point.

    Attributes:
        words: of the file's ``command``, or W&B's default.
        program: the file's ``program``, relative to the working directory; None for none.
    """

    words: tuple[str, ...] = DEFAULT_COMMAND
    program: str | None = None

    def arguments(
        self,
        settings: Mapping[str, Any],
        json_file: Path,
        environment: Mapping[str, str] = os.environ,
    ) -> list[str]:
        """The argument vector that runs one point, word for word as ``wandb agent`` makes it.

        The interpreter is ``python``, as W&B has it, or the running interpreter where the path has
        no ``python``.

        Args:
            settings: the point: the value of each parameter, a mapping for nested ones.
            json_file: where the settings are written for ``${args_json_file}``; a command without
                that macro leaves it alone.
            environment: the variables that ``${envvar:NAME}`` takes; W&B writes the name itself
                where there is no such variable.

        Raises:
            OSError: where the file cannot be written.
        """
        # W&B's server hands points out as JSON: tuples become lists, and keys text.
        point = json.loads(json.dumps(settings, default=str))
        words = self.expanded(environment)
        if "${args_json_file}" in words:
            json_file.write_text(json.dumps(point), encoding="utf-8")
        values = _macros(point, json_file)
        return [out for word in words for out in values.get(word, [word])]

    def line(self, settings: Mapping[str, Any]) -> str:
        """The command that runs one point as a user would type it, quoted for a shell.

        Without ``/usr/bin/env``; environment variables stay variables, for they may be secret; and
        ``${args_json_file}`` is settings.json.
        """
        point = json.loads(json.dumps(settings, default=str))
        values = {**_macros(point, Path("settings.json")), "${env}": []}
        if self.program is not None:
            values["${program}"] = [self.program]
        words = [
            [shlex.quote(out) for out in values[word]] if word in values else [_quote(word)]
            for word in self.words
        ]
        return " ".join(out for quoted in words for out in quoted)

    def expanded(self, environment: Mapping[str, str] = os.environ) -> list[str]:
        """The words with program and environment variables filled in."""
        words = [_VARIABLE.sub(lambda m: environment.get(m[1], m[1]), word) for word in self.words]
        return [
            self.program if word == "${program}" and self.program is not None else word
            for word in words
        ]


def _macros(point: Mapping[str, Any], json_file: Path) -> dict[str, list[str]]:
    """What W&B writes for each macro."""
    pairs = [f"{name}={value}" for name, value in point.items()]
    return {
        "${env}": [] if os.name == "nt" else ["/usr/bin/env"],
        "${interpreter}": ["python" if shutil.which("python") else sys.executable],
        "${args}": [f"--{pair}" for pair in pairs],
        "${args_no_hyphens}": pairs,
        "${args_no_boolean_flags}": [
            f"--{name}" if value is True else f"--{name}={value}"
            for name, value in point.items()
            if value is not False
        ],
        "${args_no_equals}": [
            word for name, value in point.items() for word in (f"--{name}", str(value))
        ],
        "${args_append_hydra}": [f"+{pair}" for pair in pairs],
        "${args_override_hydra}": [f"++{pair}" for pair in pairs],
        "${args_json}": [json.dumps(point)],
        "${args_json_file}": [str(json_file)],
    }


def _quote(word: str) -> str:
    """A word for a shell; what ``${envvar:NAME}`` stands for is left to the shell."""
    literal, *parts = _VARIABLE.split(word)
    rest = zip(parts[::2], parts[1::2], strict=True)
    texts = [shlex.quote(literal) if literal or not parts else ""]
    texts += [f'"${name}"' + (shlex.quote(text) if text else "") for name, text in rest]
    return "".join(texts)


def parse_command(program: Any, command: Any, problems: list[str]) -> Command:
    """The command that a sweep file's ``program`` and ``command`` make.

    Args:
        program: the file's value; None where it has none.
        command: the same.
        problems: a line is added for everything that is wrong.
    """
    if program is not None and not (isinstance(program, str) and program.strip()):
        problems.append(f"program: got {shown(program)}, expected the path of a program")
        program = None
    if command is None or command == []:
        return Command(program=program)
    if not isinstance(command, list) or any(isinstance(word, list | dict) for word in command):
        hint = ""
        if isinstance(command, str):
            hint = f", such as {shown(_split(command))}"
        problems.append(f"command: got {shown(command)}, expected a list of words{hint}")
        return Command(program=program)
    words = tuple(map(str, command))
    problems += [line for word in words if (line := _unknown_macro(word))]
    if "${program}" in words and program is None:
        problems.append("program: missing; the command needs it for ${program}")
    return Command(words, program)


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # a quotation that does not end
        return command.split()


def _unknown_macro(word: str) -> str | None:
    """A line for a word that W&B takes for a macro and, not knowing it, silently leaves out."""
    macro = word.startswith("${") and word.endswith("}")
    if not macro or word in MACROS or _VARIABLE.search(word):
        return None
    variable = "${envvar:" + word[2:-1] + "}"
    if _VARIABLE.fullmatch(variable):
        return f"command: {word} is not a macro; did you mean {variable!r}?"
    return f"command: {word} is not a macro{did_you_mean(word, (*MACROS, '${envvar:NAME}'))}"
