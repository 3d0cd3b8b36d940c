"""Whatever is wrong: one line each, all together, exit code 2, no traceback, nothing created."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from dlsweep.cli import main, train_main
from dlsweep.parts import DATASETS
from tests.cli.conftest import dlsweep, train_py, users_environment
from tests.data.fakes import Given

Refused = Callable[..., list[str]]

GOOD = """
method: grid
metric: {name: val_accuracy, goal: maximize}
parameters: {dataset: {value: digits}, epochs: {value: 1}, hidden_size: {value: 8}}
"""

BAD = """
methd: grid
method: bayes
run_cap: 0
parameters:
  optimiser: {values: [adam, adamm]}
  learning_rate: {distribution: log_unifrom, min: 0.1, max: 1}
  hidden_size: {values: []}
  epochs: {value: ten}
  bach_size: {value: 16}
"""

BAD_LINES = [
    "methd: no such key of a sweep file; did you mean 'method'?",
    "metric: missing; method bayes needs {name: val_accuracy, goal: maximize}",
    "run_cap: got 0, expected an integer ≥ 1",
]


# The entry points themselves, as processes


def test_train_py_names_all_problems_at_once(tmp_path: Path):
    arguments = "--optimzer adam -e ten -lr -1 -a rellu --nonsense -sz 8 0"
    done = train_py(*arguments.split(), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert sorted(done.stderr.splitlines()) == [
        "error: --nonsense: no such flag; see --help",
        "error: --optimzer: no such flag; did you mean --optimizer?",
        "error: activation: got 'rellu', not a known choice; did you mean 'relu'?",
        "error: epochs: got 'ten', expected an integer ≥ 1",
        "error: hidden_size: got ['8', '0'], expected an integer ≥ 1, or a list with one per layer",
        "error: learning_rate: got '-1', expected a number ≥ 0",
    ]
    assert list(tmp_path.iterdir()) == []


def test_dlsweep_sweep_names_all_problems_at_once(tmp_path: Path):
    (tmp_path / "bad.yaml").write_text(BAD)
    arguments = "sweep bad.yaml --cuont 3 --count 0 --device gpx --workers two"
    done = dlsweep(*arguments.split(), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    lines = [line.removeprefix("error: ") for line in done.stderr.splitlines()]
    assert lines[:4] == [
        "--cuont: no such flag; did you mean --count?",
        "--count: got '0', expected an integer ≥ 1",
        "--workers: got 'two', expected an integer ≥ 1",
        "device: got 'gpx', not a known device; choose from auto, cpu, cuda",
    ]
    rest = lines[4:]
    assert set(BAD_LINES) <= set(rest)
    named = ("methd", "metric", "run_cap", "optimi", "learning_rate", "hidden_size", "epochs")
    for field in (*named, "bach_size"):
        assert [line for line in rest if line.startswith(field)], field
    assert all(line.startswith("error: ") for line in done.stderr.splitlines())
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]


# The rest in this process


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("-e 0", "epochs: got '0', expected an integer ≥ 1"),
        ("-e 1.5", "epochs: got '1.5', expected an integer ≥ 1"),
        ("-b", "argument -b/--batch_size/--batch-size: expected one argument"),
        ("--dropout 1", "dropout: got '1', expected a number ≥ 0 and < 1"),
        (
            "-d fashion_mnits",
            "dataset: got 'fashion_mnits', no such data set, file or folder; "
            "did you mean 'fashion_mnist'?",
        ),
        (
            "--hidden_size 8 8 --num_layers 3",
            "hidden_size: got 2 sizes [8, 8] for num_layers 3; give one size, or one per hidden "
            "layer",
        ),
        (
            "-d digits --model cnn --conv_layers 4x5/2,4x3",
            "conv_layers: convolution 2 (3×3) is larger than the 2×2 image that reaches it",
        ),
        ("adam", "adam: a value without a flag; see --help"),
        (
            "sweep.yaml",
            "sweep.yaml: a value without a flag; `dlsweep sweep sweep.yaml` trains a sweep file",
        ),
        (
            "--backend numpy --batch_norm",
            "batch_norm: backend numpy has false only, got true; use backend torch",
        ),
        ("-d digits --device cuda:9", "device: got 'cuda:9', which is not there; use auto or cpu"),
    ],
)
def test_train_flags(arguments: str, line: str, refused: Refused):
    assert refused(train_main, *arguments.split()) == [line]


def test_a_split_that_the_data_cannot_give(refused: Refused):
    [line] = refused(train_main, "-d", "digits", "--train_size", "5")
    assert "train_size" in line
    [line] = refused(train_main, "-d", "digits", "--val_fraction", "0.999")
    assert "val_fraction" in line


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            "swep",
            ["argument COMMAND: got 'swep'; did you mean 'sweep'?; see `dlsweep --help`"],
        ),
        (
            "foo",
            [
                "argument COMMAND: got 'foo'; choose from sweep, train, repeat, ablate, stop, "
                "resume, agent, runs, sync, export, report, predict, data, completion; see "
                "`dlsweep --help`"
            ],
        ),
        (
            "good.yaml",
            [
                "argument COMMAND: got 'good.yaml'; did you mean `dlsweep sweep good.yaml`?; see "
                "`dlsweep --help`"
            ],
        ),
        ("sweep nowhere.yaml", ["nowhere.yaml: no such file"]),
        (
            "sweep me/mine/ab12cd34",
            ["me/mine/ab12cd34: no such file; of a W&B sweep, `dlsweep agent me/mine/ab12cd34`"],
        ),
        ("export -o runs.csv", ["-o: no such flag; did you mean --output?"]),
        (
            "report good.yaml",
            ["good.yaml: a sweep file; name its study, or none for the newest"],
        ),
        ("sweep .", [".: cannot be read: Is a directory"]),
        (
            "sweep good.yaml other.yaml",
            ["other.yaml: one argument too many; see `dlsweep sweep --help`"],
        ),
        (
            "sweep good.yaml --offlin --count none",
            [
                "--offlin: no such flag; did you mean --offline?",
                "--count: got 'none', expected an integer ≥ 1",
            ],
        ),
        (
            "sweep good.yaml --offline --online",
            ["argument --online: not allowed with argument --offline; see `dlsweep sweep --help`"],
        ),
        (
            "runs --format xml",
            [
                "argument --format: got 'xml'; choose from table, json, csv; "
                "see `dlsweep runs --help`"
            ],
        ),
        ("runs", ["storage: no such file dlsweep.db; `dlsweep sweep` makes it"]),
        ("runs --storge x", ["--storge: no such flag; did you mean --storage?"]),
        (
            "data minst --offline",
            [
                "--offline: no such flag; see `dlsweep data --help`",
                "dataset: got 'minst', no such data set, file or folder; did you mean 'mnist'?",
            ],
        ),
    ],
)
def test_dlsweep_arguments(arguments: str, lines: list[str], refused: Refused, folder: Path):
    (folder / "good.yaml").write_text(GOOD)
    found = refused(main, *arguments.split())
    if arguments.startswith("runs --storge"):
        found = [line for line in found if line.startswith("--storge")]
    assert found == lines


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("--device cuda:9", "device: got 'cuda:9', which is not there; use auto or cpu"),
        (
            "--storage nonsense://there",
            "storage: got nonsense://…, expected the path of a file, such as dlsweep.db",
        ),
        (
            "--storage postgresql://me@host/db",
            "storage: got postgresql://…; a study is a file now, and many machines train one "
            "sweep with --cluster",
        ),
        (
            "--storage /nowhere/at/all.db",
            "storage: /nowhere/at/all.db cannot be opened: there is no folder /nowhere/at",
        ),
        ("--storage good.yaml", "storage: good.yaml cannot be opened: file is not a database; "),
        ("--storage :memory:", "storage: got no file; a study is one, such as dlsweep.db"),
        ("--continue-from other", "--continue-from: got 'other', no such study"),
        ("--online", "--online: no W&B account is set up here; see `wandb login`"),
    ],
)
@pytest.mark.usefixtures("without_mode")
def test_what_is_not_there(arguments: str, line: str, refused: Refused, folder: Path):
    (folder / "good.yaml").write_text(GOOD)
    [found] = refused(main, "sweep", "good.yaml", *arguments.split())
    assert found.startswith(line)


@pytest.mark.parametrize(
    "arguments", ["sweep good.yaml", "data digits --show", "train.py -d digits"]
)
@pytest.mark.usefixtures("without_mode")
def test_a_project_that_wandb_would_refuse(
    arguments: str, refused: Refused, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    (folder / "good.yaml").write_text(GOOD)
    command, *rest = arguments.split()
    flag = "-wp" if command == "train.py" else "--project"
    call = (train_main, *rest) if command == "train.py" else (main, command, *rest)
    [line] = refused(*call, flag, "a:b")
    assert line == "wandb_project: got 'a:b', expected a name without :"
    monkeypatch.setenv("WANDB_PROJECT", "me/mine")
    [line] = refused(*call)
    said = "expected a name without /; entity and project are given apart"
    assert line == f"WANDB_PROJECT: got 'me/mine', {said}"


@pytest.mark.usefixtures("without_mode")
def test_a_gpu_is_cuda(refused: Refused, folder: Path, capsys: pytest.CaptureFixture[str]):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    (folder / "good.yaml").write_text(GOOD)
    line = "device: got 'cuda', which is not there; use auto or cpu"
    assert main(["sweep", "good.yaml", "--device", "gpu"]) == 2
    told = ["dlsweep: device: gpu was taken for cuda", f"error: {line}"]
    assert capsys.readouterr().err.splitlines() == told
    assert train_main(["-d", "digits", "--device", "gpu"]) == 2
    assert capsys.readouterr().err.splitlines() == told


def test_a_device_of_the_file_that_is_not_there(refused: Refused, folder: Path):
    (folder / "s.yaml").write_text(GOOD.replace("{dataset", "{device: {value: 'cuda:9'}, dataset"))
    [line] = refused(main, "sweep", "s.yaml")
    assert line == "device: got 'cuda:9', which is not there; use auto or cpu"


def test_yaml_syntax(refused: Refused, folder: Path):
    (folder / "s.yaml").write_text("method: [grid\nparameters: {}\n")
    [line] = refused(main, "sweep", "s.yaml")
    assert line.startswith("s.yaml: line 2, column 11: ")


def test_a_study_that_is_not_there(refused: Refused, folder: Path, tmp_path: Path):
    from dlsweep.sweep import Study, load_sweep

    (folder / "good.yaml").write_text(GOOD)
    Study.open(load_sweep("good.yaml"), str(tmp_path / "s.db")).close()
    [line] = refused(main, "runs", "godo", "--storage", str(tmp_path / "s.db"))
    assert line.startswith("study: got 'godo', no such study; ")
    (folder / "other.db").touch()
    [line] = refused(main, "runs", "other.db", "--storage", str(tmp_path / "s.db"))
    assert line == "study: got 'other.db', a file; of a study file, give --storage other.db"


@pytest.mark.parametrize("command", ["sweep s.yaml", "data mnist"])
def test_a_cache_that_cannot_be(
    command: str, refused: Refused, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    (folder / "s.yaml").write_text(GOOD.replace("digits", "mnist"))
    monkeypatch.setenv("DLSWEEP_DATA", "s.yaml")
    files = dict.fromkeys(DATASETS["mnist"].files, hashlib.md5(b"image").hexdigest())
    sources = [Given(dict.fromkeys(files, b"image"), "the package")]
    described = dataclasses.replace(DATASETS["mnist"], files=files, sources=lambda: sources)
    monkeypatch.setitem(DATASETS, "mnist", described)
    [line] = refused(main, *command.split(), code=1)  # no source is tried: that would be a notice
    why = "Not a directory; DLSWEEP_DATA names another folder"
    assert line == f"data: s.yaml/mnist cannot be written: {why}"


# An output that cannot be written


@pytest.fixture
def study(folder: Path) -> Path:
    """An empty study; returns the folder that it lies in."""
    from dlsweep.sweep import Study, load_sweep

    (folder / "good.yaml").write_text(GOOD)
    Study.open(load_sweep("good.yaml")).close()
    return folder


def to(output: str, arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """`dlsweep ARGUMENTS`, with its output to what a shell makes of ``output``."""
    command = f"{sys.executable} -m dlsweep {arguments} {output}; echo ${{PIPESTATUS[0]}}"
    shell = ["bash", "-c", command]
    environment = users_environment()
    return subprocess.run(
        shell, cwd=cwd, env=environment, capture_output=True, text=True, check=True
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("command", ["runs", "export"])
def test_a_full_disk_behind_the_output(command: str, study: Path):
    done = to("> /dev/full", command, study)
    assert done.stdout == "1\n"
    why = os.strerror(errno.ENOSPC)
    assert done.stderr == f"error: standard output cannot be written: {why}\n"


def test_a_reader_that_has_seen_enough(study: Path):
    done = to("| true", "export", study)
    assert done.stdout in ("141\n", "0\n")  # it may have been faster
    assert done.stderr == ""


def test_letters_that_an_encoding_lacks(tmp_path: Path):
    done = train_py("--help", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "integer \\u2265 1" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="Windows removes no working folder")
def test_a_working_folder_that_is_gone(tmp_path: Path):
    (here := tmp_path / "here").mkdir()
    command = f"rmdir {here}; {sys.executable} -m dlsweep runs"
    done = subprocess.run(
        ["bash", "-c", command], cwd=here, env=users_environment(), capture_output=True, text=True
    )
    assert done.returncode == 2
    said = "error: the working folder is not there any more; change to another"
    assert done.stderr.splitlines()[-1] == said


# Data that no source can deliver: not the user's mistake, so exit code 1


@pytest.mark.parametrize("command", ["train", "sweep", "data"])
def test_data_that_cannot_be_had(
    command: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setenv("DLSWEEP_DATA", os.fspath(folder / "cache"))
    sources = [Given({}, name, fails="unreachable") for name in ("the mirror", "the package")]
    described = dataclasses.replace(DATASETS["mnist"], sources=lambda: sources)
    monkeypatch.setitem(DATASETS, "mnist", described)
    (folder / "s.yaml").write_text(GOOD.replace("digits", "mnist"))
    before = sorted(folder.iterdir())
    if command == "train":
        code = train_main(["-d", "mnist"])
    else:
        code = main(["sweep", "s.yaml"] if command == "sweep" else ["data", "mnist"])
    assert code == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    assert "error: mnist is not here and could not be fetched. Tried:" in err
    assert "\n  the mirror: unreachable\n  the package: unreachable\n" in err
    assert sorted(folder.iterdir()) == before
