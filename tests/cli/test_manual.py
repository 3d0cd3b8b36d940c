"""`--help` of every command, and what a shell completes."""

from __future__ import annotations

import importlib.util
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from dlsweep.cli import main
from dlsweep.cli._main import build_parser
from dlsweep.cli._manual import MANUALS
from dlsweep.config import parse_flags
from tests.cli.conftest import users_environment

COMMANDS = sorted(build_parser()[1])


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_says_what_a_command_does_with_examples_and_exit_codes(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        main([*filter(None, [name]), "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    usage, _, rest = text.partition("\n\n")
    assert usage.startswith(f"usage: dlsweep {name}".rstrip())
    assert rest.strip()[0].isupper()  # a description
    assert "\nexamples:\n  " in text
    assert "\nexit codes:\n  0   " in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("name", MANUALS)
def test_examples_are_commands_that_exist(name: str) -> None:
    parser, commands = build_parser()
    for example in MANUALS[name].examples:
        if "$(" in example or " | " in example:
            continue
        _, command, *words = shlex.split(example.partition(" > ")[0])
        assert not name or command == name
        if command == "train":
            settings = words[: words.index("--study")] if "--study" in words else words
            assert parse_flags(settings)[0]
        else:
            _, rest = parser.parse_known_args([command, *words])
            assert rest == []
            assert command in commands


@pytest.mark.skipif(importlib.util.find_spec("argcomplete") is None, reason="needs argcomplete")
@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("dlsweep r", {"runs", "repeat", "report", "resume"}),
        ("dlsweep runs --w", {"--watch", "--wide"}),
        ("dlsweep runs --format ", {"table", "json", "csv"}),
        ("dlsweep train --opt", {"--optimizer"}),
        ("dlsweep train --optimizer m", {"momentum"}),
    ],
)
def test_a_shell_completes_what_is_typed(line: str, some: set[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(out),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
    }
    subprocess.run(
        [sys.executable, "-m", "dlsweep"],
        env={**os.environ, **users_environment(**asked)},
        cwd=tmp_path,
        check=True,
        timeout=60,
    )
    assert some <= {word.strip() for word in out.read_text().split("\n")}


def test_the_code_for_a_shell_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("argcomplete")
    assert main(["completion", "bash"]) == 0
    assert "_python_argcomplete" in capsys.readouterr().out
