"""The README says what is so."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dlsweep.config.flags import parse_flags
from dlsweep.sweep import load_sweep, read_study
from tests.cli.conftest import users_environment

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


TRAIN_LINES = re.findall(r"^python train\.py (.*?)(?:#.*)?$", README, re.M)


@pytest.mark.parametrize("line", TRAIN_LINES)
def test_its_train_commands_are_valid(line: str) -> None:
    parse_flags(line.split())


def test_it_has_train_commands() -> None:
    assert len(TRAIN_LINES) >= 4


def test_it_is_short() -> None:
    assert len(README.split()) <= 925


def test_the_two_commands_name_what_is_there() -> None:
    assert "\n.venv/bin/dlsweep sweep sweep.yaml --count 12" not in README  # one line each
    main_job = re.search(r"<!-- main job -->\n```sh\n(.*?)\n```", README, re.S)
    tests = re.search(r"<!-- test command -->\n```sh\n(.*?)\n```", README, re.S)
    assert main_job is not None
    assert tests is not None
    assert "\n" not in main_job[1] + tests[1]
    assert main_job[1].endswith("dlsweep sweep sweep.yaml --count 12")
    assert load_sweep(ROOT / "sweep.yaml").size == 11_664


def test_links_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_its_python_example_runs(tmp_path: Path) -> None:
    examples = re.findall(r"```python\n(.*?)```", README, re.S)
    [example] = [code for code in examples if "import dlsweep" in code]
    code = example.replace('{"dataset": "digits",', '{"dataset": "digits", "epochs": 1,')
    assert code != example
    (tmp_path / "sweep.yaml").write_text(
        "method: random\nmetric: {name: val_accuracy, goal: maximize}\n"
        "parameters: {dataset: {value: digits}, epochs: {value: 1}, seed: {values: [1, 2]}}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code.replace("count=12", "count=2")],
        cwd=tmp_path,
        env=users_environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert all(0 < float(word) < 1 for word in first.split())
    assert "'seed'" in second


def test_its_example_of_an_own_script_runs(tmp_path: Path) -> None:
    example = re.search(r"<!-- own script -->\n(.*?)<!-- /own script -->", README, re.S)
    assert example is not None
    script, sweep, shell = re.findall(r"```(?:python|yaml|sh)\n(.*?)```", example[1], re.S)
    (tmp_path / "my_train.py").write_text(script)
    (tmp_path / "sweep.yaml").write_text(sweep)
    commands = [line.partition("#")[0].split() for line in shell.splitlines()]
    assert [words[:2] for words in commands] == [
        ["dlsweep", "sweep"],
        ["dlsweep", "report"],
        ["dlsweep", "sync"],  # which needs an account
    ]
    for words in commands[:2]:
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=tmp_path,
            env=users_environment(PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}"),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
    rows = read_study(str(tmp_path / "dlsweep.db")).rows
    assert [row.status for row in rows] == ["finished"] * 6
    for row in rows:
        assert row.value == (row.config["x"] - 3) ** 2
    assert list(tmp_path.glob("*.html"))


def test_the_examples_of_own_data_and_models_run(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "networks.md").read_text()
    data, net, part = re.findall(r"```python\n(.*?)```", page, re.S)
    (tmp_path / "net.py").write_text(net)
    settings = "-d digits -e 1 --figures none --no_wandb --model net.py:Net --width 8"
    for words in (["-c", data], ["-m", "dlsweep", "train", *settings.split()]):
        done = subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path,
            env=users_environment(WANDB_MODE="disabled"),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
    assert "test_accuracy" in done.stdout
    shown = [line.partition("  #")[0] for line in part.splitlines()]
    file = (ROOT / "dlsweep" / "parts" / "optimizers" / "adagrad.py").read_text()
    shorter = ("from ", "    def update")  # without what is there for the type checker
    missing = [line for line in shown if line not in file and not line.startswith(shorter)]
    assert missing == []
