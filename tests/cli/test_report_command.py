"""``dlsweep report``: from a study to a page, a folder and a W&B report."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dlsweep.cli import main
from dlsweep.sweep import Study
from tests.cli.conftest import dlsweep
from tests.sweep.helpers import sweep, train
from tests.wandb_server import Run, WandbServer

Refused = Callable[..., list[str]]
SPACE = {
    "dataset": {"value": "digits"},  # comes with a library: nothing is fetched
    "optimizer": {"values": ["sgd", "adam"]},
    "batch_size": {"values": [8, 16]},
}


def make_study(storage: str | Path = "dlsweep.db", name: str = "toy") -> list[str]:
    """A small study in the working directory; returns the ids of its runs."""
    with Study.open(sweep(SPACE, method="grid", name=name), str(storage)) as study:
        runs = train(study, 4, score=lambda config: config.batch_size / 20)
        return [run.run_id for run in runs]


@pytest.fixture
def study(folder: Path) -> str:
    """A study in an empty folder; returns its name."""
    make_study()
    with Study.open(sweep(SPACE, method="grid", name="toy")) as opened:
        return opened.name


def test_the_newest_study_as_a_page(folder: Path, study: str, capsys: pytest.CaptureFixture[str]):
    assert main(["report"]) == 0
    assert capsys.readouterr().out == f"written: {study}.html\n"
    page = (folder / f"{study}.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "bs16-adam" in page or "adam-bs16" in page


def test_a_page_and_a_folder_where_asked(folder: Path, study: str, capsys: Any):
    arguments = ["toy", "--output", "new/page.html", "--markdown", "deep/er", "--title", "Mine"]
    assert main(["report", *arguments, "--threshold", "0.5"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "written: deep/er/README.md",
        "written: new/page.html",
    ]
    text = (folder / "deep/er/README.md").read_text(encoding="utf-8")
    assert text.startswith("# Mine\n")
    assert "2 of 4 configurations are below 50.0 %." in text
    assert (folder / "deep/er/effects.svg").exists()
    assert "<h1>Mine</h1>" in (folder / "new/page.html").read_text(encoding="utf-8")


def test_a_readme_of_another_kind_is_not_overwritten(folder: Path, study: str, refused: Refused):
    page = folder / "README.md"
    page.write_text("# My project\n\nMade in 2026, with love.\n")
    [line] = refused(main, "report", "--markdown", ".")
    assert line == "--markdown: README.md is there, and no report of dlsweep's; name another folder"
    page.unlink()
    assert main(["report", "--markdown", ".", "--title", "Once"]) == 0
    assert main(["report", "--markdown", ".", "--title", "Again"]) == 0
    assert page.read_text(encoding="utf-8").startswith("# Again\n")


def test_a_folder_that_is_read_only(
    folder: Path, study: str, refused: Refused, frozen: Callable[[Path], None]
):
    (folder / "ro").mkdir()
    frozen(folder / "ro")
    [line] = refused(main, "report", "--output", "ro/new/a.html", code=1)
    assert line == f"--output: ro/new/a.html cannot be written: {folder}/ro is read-only"


def test_only_the_folder_where_only_it_is_asked_for(folder: Path, study: str):
    assert main(["report", "--markdown", "here"]) == 0
    assert not list(folder.glob("*.html"))


def test_another_storage(folder: Path, tmp_path: Path, capsys: Any):
    make_study(tmp_path / "other.db")
    with Study.open(
        sweep({**SPACE, "epochs": {"value": 1}}, name="second"), str(tmp_path / "other.db")
    ):
        pass
    assert main(["report", str(tmp_path / "other.db"), "--output", "a.html"]) == 0
    assert "dlsweep: the newest of 2 studies; the others: toy-" in capsys.readouterr().err
    assert main(["report", "toy", "--storage", str(tmp_path / "other.db")]) == 0
    assert capsys.readouterr().err == ""
    assert len(list(folder.glob("toy-*.html"))) == 1


def test_a_study_without_runs_is_a_page_that_says_so(folder: Path, capsys: Any):
    with Study.open(sweep(SPACE, name="empty")):
        pass
    assert main(["report", "--output", "a.html"]) == 0
    assert "has no runs yet" in capsys.readouterr().err
    assert "There are no runs yet." in (folder / "a.html").read_text(encoding="utf-8")


# Several studies


def test_several_studies_on_one_page(folder: Path, tmp_path: Path, capsys: Any):
    for name in ("ann", "bob"):
        (tmp_path / name).mkdir()
        make_study(tmp_path / name / "dlsweep.db")
    (tmp_path / "cy").mkdir()
    (tmp_path / "cy/dlsweep.db").write_bytes(b"no database at all, but long enough to be read")
    files = sorted(map(str, tmp_path.glob("*/dlsweep.db")))
    assert main(["report", *files, "--markdown", "class"]) == 0
    out, err = capsys.readouterr()
    assert out == "written: class/README.md\n"
    assert f"left out: {tmp_path}/cy/dlsweep.db, storage: " in err
    page = (folder / "class/README.md").read_text(encoding="utf-8")
    assert page.startswith("# 2 studies\n")
    assert "| `ann` |" in page
    assert "| `bob` |" in page


def test_all_studies_of_a_file(folder: Path, study: str, capsys: Any):
    with Study.open(sweep({**SPACE, "epochs": {"value": 1}}, name="second")) as second:
        train(second, 2)
    with Study.open(sweep({**SPACE, "epochs": {"value": 2}}, name="other")):
        pass
    assert main(["report", "dlsweep.db#*", study]) == 0  # the one named twice is read once
    [page] = folder.glob("3-studies-*.html")
    assert "<h1>3 studies</h1>" in page.read_text(encoding="utf-8")
    assert main(["report", f"dlsweep.db#{study}", "--output", "one.html"]) == 0
    assert "<h1>toy</h1>" in (folder / "one.html").read_text(encoding="utf-8")


def test_studies_that_are_not_there_and_that_cannot_be_compared(
    folder: Path, study: str, refused: Refused
):
    loss = sweep(SPACE, name="loss", metric={"name": "val_loss", "goal": "minimize"})
    with Study.open(loss) as opened:
        other = opened.name
    assert refused(main, "report", "toy", "nowhere.db", "dlsweep.db#x*", "tox") == [
        f"dlsweep.db#x*: fits none of the studies {study}, {other}",
        "storage: no such file nowhere.db; `dlsweep sweep` makes it",
        "study: got 'tox', no such study; did you mean 'toy'?",
    ]
    [line] = refused(main, "report", "toy", "loss")
    assert line.endswith("toy (maximize val_accuracy), loss (minimize val_loss)")
    [line] = refused(main, "report", "toy", "loss", "--threshold", "0.5")
    assert line == "--threshold: belongs to the report of one study, not of several"


# W&B


def test_several_synced_studies_are_published_once(
    folder: Path, account: pytest.MonkeyPatch, wandb_server: WandbServer, capsys: Any
):
    wandb_server.project("team", "plants")
    for name in ("ann", "bob"):
        for run_id in make_study(f"{name}.db"):
            with Study.open(sweep(SPACE, method="grid", name="toy"), f"{name}.db") as opened:
                group = opened.name
            wandb_server.runs[run_id] = Run(
                run_id, "team", "plants", wandb_server.number(), group=group
            )
    arguments = ["report", "ann.db", "bob.db", "--publish", "--project", "team/plants"]
    assert main(arguments) == 0
    assert main(arguments) == 0
    [saved] = wandb_server.reports.values()
    assert saved.saves == 2
    first, second = capsys.readouterr().out.splitlines()
    assert first == second


def test_a_wandb_sweep_and_its_wandb_report(
    folder: Path, account: pytest.MonkeyPatch, wandb_server: WandbServer, capsys: Any
):
    wandb_server.project("team", "plants")
    for number in range(3):
        wandb_server.runs[f"r{number}"] = Run(
            f"r{number}",
            "team",
            "plants",
            wandb_server.number(),
            config={"lr": 0.1 * number},
            history=[{"_step": 0, "val_acc": number / 4}],
            state="finished",
        )
    assert main(["report", "team/plants", "--publish"]) == 0
    out, err = capsys.readouterr()
    [saved] = wandb_server.reports.values()
    assert out == f"published: {wandb_server.url}/team/plants/reports/plants--{saved.id}\n"
    assert "the runs are judged by; taken to be: maximize val_acc" in err
    assert list(folder.glob("*.html")) == []
    assert wandb_server.unknown == []


def test_a_synced_study_is_published_over_its_group(
    folder: Path, account: pytest.MonkeyPatch, wandb_server: WandbServer, capsys: Any
):
    ids = make_study()
    with Study.open(sweep(SPACE, method="grid", name="toy")) as opened:
        group = opened.name
    for run_id in ids[:3]:
        wandb_server.project("team", "plants")
        wandb_server.runs[run_id] = Run(
            run_id, "team", "plants", wandb_server.number(), group=group
        )
    arguments = ["report", "--draft", "--project", "team/plants", "--output", "too.html"]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    [saved] = wandb_server.reports.values()
    assert out.splitlines()[0] == "written: too.html"
    assert out.splitlines()[1].startswith("draft: ")
    assert "3 of 4 runs of the study are in plants at W&B" in err
    assert saved.type == "runs/draft"
    assert group in str(saved.spec)


def test_a_study_that_was_never_synced(
    folder: Path, account: pytest.MonkeyPatch, wandb_server: WandbServer, refused: Refused
):
    make_study()
    wandb_server.project("team", "plants")
    [line] = refused(main, "report", "--publish", "--project", "team/plants")
    assert "send them there with `wandb sync wandb/offline-run-*`" in line


# Bad input


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["{misspelt}"], ["study: got '{misspelt}', no such study; did you mean '{study}'?"]),
        (["nowhere.db"], ["storage: no such file nowhere.db; `dlsweep sweep` makes it"]),
        (
            ["--threshold", "high", "--project", "x", "--output", "."],
            [
                "--threshold: got 'high', expected a number such as 0.65",
                "--project: says where to --publish; give that too",
                "--output: . is a folder; name a file in it, such as ./report.html",
            ],
        ),
        (["--markdown", "dlsweep.db"], ["--markdown: dlsweep.db is a file; name a folder"]),
        (
            ["--output", "dlsweep.db/a.html"],
            ["--output: {folder}/dlsweep.db is a file, so there can be no dlsweep.db/a.html"],
        ),
        (["--output", "/proc/a.html"], ["--output: /proc/a.html cannot be written: {missing}"]),
        (["--markdown", "/proc/a"], ["--markdown: /proc/a cannot be written: {missing}"]),
        (["--output", ""], ["--output: got nothing; name a file"]),
        (["--markdown", ""], ["--markdown: got nothing; name a folder"]),
        (["--publsh"], ["--publsh: no such flag; did you mean --publish?"]),
        (["--publish"], ["W&B: no account is set up here; see `wandb login`"]),
        (["team/plants"], ["W&B: no account is set up here; see `wandb login`"]),
    ],
)
def test_bad_input(folder: Path, study: str, refused: Refused, arguments: list[str], lines: Any):
    known = {"study": study, "misspelt": study.replace("toy", "toi"), "folder": folder}
    known["missing"] = os.strerror(errno.ENOENT)
    given = [argument.format(**known) for argument in arguments]
    unwritable = any("cannot be written" in line or "there can be" in line for line in lines)
    found = refused(main, "report", *given, code=1 if unwritable else 2)
    assert found == [line.format(**known) for line in lines]


def test_the_entry_point(tmp_path: Path):
    make_study(tmp_path / "dlsweep.db")
    done = dlsweep("report", "--output", "a.html", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "written: a.html\n", "")
