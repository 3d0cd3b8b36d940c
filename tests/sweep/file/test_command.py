"""The command of a sweep file, held against what the real `wandb agent` passes to a program."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from dlsweep.sweep.file._builtin import builtin_flags, is_builtin
from dlsweep.sweep.file._command import DEFAULT_COMMAND, MACROS, Command, parse_command
from tests.conftest import REPOSITORY
from tests.wandb_server import WandbServer, wandb_cli

PROGRAM = """
import json, sys
from pathlib import Path
files = [Path(word) for word in sys.argv if word.endswith(".json") and Path(word).is_file()]
Path("seen.json").write_text(json.dumps([sys.orig_argv, [file.read_text() for file in files]]))
"""

ODD_VALUES: dict[str, Any] = {
    "true": True,
    "false": False,
    "none": None,
    "zero": 0,
    "negative": -1,
    "negative_zero": -0.0,
    "small": 1e-05,
    "large": 1e20,
    "larger": 10**20,
    "whole": 1.0,
    "sum": 0.1 + 0.2,
    "inf": math.inf,
    "nan": math.nan,
    "empty": "",
    "blank": " ",
    "spaces": "two  words ",
    "single": "it's",
    "double": 'a "quoted" word',
    "unicode": "é ✓ 漢",
    "number_text": "1e-3",
    "zeros_text": "007",
    "bool_text": "false",
    "null_text": "null",
    "flag": "--lr",
    "equals": "a=b",
    "variable": "$HOME",
    "macro": "${args}",
    "lines": "one\ntwo\t",
    "backslash": "C:\\new",
    "list": [1, 2.5, "a b", None, [True]],
    "empty_list": [],
    "tuple": (1, 2),
    "mapping": {"b": {"c": 1e-7}, 1: "it's"},
    "dotted.name/slash": 1,
    "name-with-hyphens": 1,
    "with space": 1,
}

ALL_MACROS = [*MACROS, "${envvar:PRESENT}/and/${envvar:ABSENT}", "${envvar:PRESENT}"]


@pytest.mark.parametrize(
    "command",
    [
        None,
        # `${args_json_file}` and the like inside a word, which W&B leaves as they are; numbers.
        [*ALL_MACROS[:3], "--more=${args_json_file}", 3, 1e-5, True, *ALL_MACROS[3:], "last word"],
    ],
    ids=["default", "every macro"],
)
def test_a_program_gets_word_for_word_what_wandb_agent_passes(
    command: list[Any] | None,
    wandb_server: WandbServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("PRESENT", "a value")
    monkeypatch.delenv("ABSENT", raising=False)
    (tmp_path / "program.py").write_text(PROGRAM)
    parameters = {name: {"value": value} for name, value in ODD_VALUES.items()}
    parameters["nested"] = {"parameters": {"lr": {"value": 0.1}, "deep": {"value": [1]}}}
    config = {"method": "grid", "program": "program.py", "parameters": parameters}
    sweep = wandb_server.add_sweep(config | ({"command": command} if command else {}))
    agent = wandb_cli("agent", f"{sweep.entity}/{sweep.project}/{sweep.id}", cwd=tmp_path)
    assert agent.returncode == 0, agent.stdout
    [(run_id, settings)] = sweep.handed_out.items()
    seen, files = json.loads((tmp_path / "seen.json").read_text())

    problems: list[str] = []
    parsed = parse_command("program.py", command, problems)
    json_file = tmp_path / "wandb" / f"sweep-{sweep.id}" / f"config-{run_id}.json"
    json_file.unlink(missing_ok=True)
    ours = parsed.arguments(settings, json_file)
    assert problems == []
    assert ours[0] == "/usr/bin/env"
    assert ours[1:] == seen
    assert len(seen) > len(ODD_VALUES)
    assert [file.read_text() for file in [json_file] if command] == files
    assert json_file.exists() == bool(command)


def test_without_python_on_the_path_the_running_interpreter_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    words = Command(program="p.py").arguments({"lr": 0.1}, tmp_path / "point.json")
    assert words == ["/usr/bin/env", sys.executable, "p.py", "--lr=0.1"]


def test_windows_has_no_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    point = tmp_path / "point.json"
    with monkeypatch.context() as patch:  # no longer than needed: pathlib looks at it too
        patch.setattr(os, "name", "nt")
        patch.setattr("shutil.which", lambda name: name)
        words = Command(program="p.py").arguments({}, point)
    assert words == ["python", "p.py"]


@pytest.mark.parametrize(
    ("program", "command", "expected"),
    [
        (None, None, Command(DEFAULT_COMMAND, None)),
        ("train.py", None, Command(DEFAULT_COMMAND, "train.py")),
        ("train.py", [], Command(DEFAULT_COMMAND, "train.py")),
        (None, ["./run.sh", 3, "${args}"], Command(("./run.sh", "3", "${args}"), None)),
    ],
)
def test_a_command_is_read(program: Any, command: Any, expected: Command):
    problems: list[str] = []
    assert parse_command(program, command, problems) == expected
    assert problems == []


@pytest.mark.parametrize(
    ("program", "command", "line"),
    [
        (
            "t.py",
            "python t.py ${args}",
            "command: got 'python t.py ${args}', expected a list of words, such as "
            "[python, t.py, '${args}']",
        ),
        ("t.py", "it's", "command: got \"it's\", expected a list of words, such as [it's]"),
        ("t.py", {"a": 1}, "command: got {a: 1}, expected a list of words"),
        ("t.py", ["a", ["b"]], "command: got [a, [b]], expected a list of words"),
        ("t.py", ["${arg}"], "command: ${arg} is not a macro; did you mean '${args}'?"),
        (
            "t.py",
            ["${args_no_bool_flags}"],
            "command: ${args_no_bool_flags} is not a macro; "
            "did you mean '${args_no_boolean_flags}'?",
        ),
        ("t.py", ["${HOME}"], "command: ${HOME} is not a macro; did you mean '${envvar:HOME}'?"),
        (
            None,
            ["python", "${program}"],
            "program: missing; the command needs it for ${program}",
        ),
        (["t.py"], None, "program: got [t.py], expected the path of a program"),
        (" ", None, "program: got ' ', expected the path of a program"),
    ],
)
def test_a_mistake_is_one_line(program: Any, command: Any, line: str):
    problems: list[str] = []
    parse_command(program, command, problems)
    assert problems == [line]


HANDS_OVER = {
    "renamed.py": "from dlsweep.cli import train_main as main\nmain()",
    "function.py": (
        '"""Mine."""\nimport sys\nimport dlsweep.cli\n\n\ndef main() -> None:\n'
        "    sys.exit(dlsweep.cli.train_main(sys.argv[1:]))\n\n\n"
        "if __name__ == '__main__':\n    main()\n"
    ),
    "raises.py": "from dlsweep import cli\nraise SystemExit(cli.train_main())",
}
DOES_NOT = {
    "own.py": "import torch, wandb\nrun = wandb.init()\nrun.log({'loss': run.config.lr})",
    "never_called.py": "from dlsweep.cli import train_main\n",
    "not_calling.py": "from dlsweep.cli import train_main\ndef main(): train_main()\n",
    "other_flags.py": "from dlsweep.cli import train_main\ntrain_main(['--epochs', '3'])",
    "more_work.py": (
        "from dlsweep.cli import train_main\nimport os\nos.environ['A'] = 'b'\ntrain_main()"
    ),
    "with_torch.py": "from dlsweep.cli import train_main\nimport torch\ntrain_main()",
    "another_module.py": "from mine import train_main\ntrain_main()",
    "api.py": "import dlsweep, wandb\ndlsweep.train({'width': 3})",
    "broken.py": "def (",
    "binary.py": "\0",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (HANDS_OVER | DOES_NOT).items():
        (tmp_path / name).write_text(text)
    (tmp_path / "my_own_train.py").write_text((REPOSITORY / "train.py").read_text())
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize("program", ["my_own_train.py", "./my_own_train.py", *HANDS_OVER])
def test_a_file_that_hands_over_is_dlsweeps_own_whatever_its_name(folder: Path, program: str):
    assert is_builtin(Command(program=program), folder)


@pytest.mark.parametrize("program", [*DOES_NOT, "train.py", "folder", "."])
def test_any_other_program_is_not(folder: Path, program: str):
    assert not is_builtin(Command(program=program), folder)


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        (DEFAULT_COMMAND, []),  # with no program
        (["dlsweep", "train", "${args}"], []),
        (["${env}", "/usr/bin/dlsweep", "train", "${args_no_boolean_flags}"], []),
        (["${interpreter}", "-m", "dlsweep", "train", "--epochs", "3"], ["--epochs", "3"]),
        (["${env}", "python3.11", "-u", "-W", "ignore", "-m", "dlsweep", "train"], []),
        (["${env}", "${interpreter}", "raises.py", "${args}", "-b", "8"], ["-b", "8"]),
        (["./raises.py", "${args}"], []),
        (["python", "own.py", "${args}"], None),
        (["python", "-m", "torch", "train"], None),
        (["python", "-m", "dlsweep", "sweep"], None),
        (["python", "-c", "train_main()"], None),
        (["python"], None),
        (["dlsweep", "sweep"], None),
        (["bash", "-c", "dlsweep train"], None),
        (["${env}", "SEED=1", "dlsweep", "train"], None),
    ],
)
def test_a_command_is_known_by_what_it_runs(folder: Path, words: list[str], flags: list[str]):
    assert builtin_flags(Command(tuple(words)), folder) == flags
