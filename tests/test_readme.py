"""The README says what is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dlsweep.config.flags import parse_flags
from dlsweep.config.table import settings_table
from dlsweep.sweep import load_sweep

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def test_the_table_of_settings_is_that_of_run_config() -> None:
    table = re.search(r"<!-- settings -->\n(.*?)\n<!-- /settings -->", README, re.S)
    assert table is not None
    assert table[1].strip() == settings_table(), "python -m dlsweep.config.table"


TRAIN_LINES = re.findall(r"^python train\.py (.*?)(?:#.*)?$", README, re.M)


@pytest.mark.parametrize("line", TRAIN_LINES)
def test_its_train_commands_are_valid(line: str) -> None:
    parse_flags(line.split())


def test_it_has_train_commands() -> None:
    assert len(TRAIN_LINES) >= 4


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
    example = re.search(r"```python\n(.*?)```", README, re.S)
    assert example is not None
    code = example[1].replace(
        'RunConfig(dataset="digits",', 'RunConfig(dataset="digits", epochs=1,'
    )
    code = code.replace('{"dataset": "digits",', '{"dataset": "digits", "epochs": 1,')
    assert code.count("epochs") == 2
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    runs = r"(0\.0\d* [01] 1 0\.\d+\n){4}"
    assert re.fullmatch(r"0\.\d+ 0\.\d+\n" + runs, done.stdout)
