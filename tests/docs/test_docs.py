"""The documentation: its commands and examples run, and the site builds."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import users_environment
from tests.conftest import REPOSITORY
from tests.wandb_server import WandbServer

pytestmark = pytest.mark.process

DOCS = REPOSITORY / "docs"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")}

BLOCK = re.compile(r"(<!-- not run: .*? -->\n)?```(sh|python|yaml)\n(.*?)```", re.DOTALL)
FILE = re.compile(r"# ([\w.]+)\n")


def run(words: list[str], folder: Path, env: dict[str, str]) -> str:
    binaries = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        words,
        cwd=folder,
        env=users_environment(PATH=binaries, **env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def steps(page: str) -> Iterator[tuple[str, str]]:
    """The examples of a page in its order, each with its language."""
    for not_run, language, text in BLOCK.findall(PAGES[page]):
        if not not_run:
            yield language, text


def follow(page: str, folder: Path, **env: str) -> int:
    """Do what a page says: write its files, run its commands and programs; how many there were."""
    count = 0
    for language, text in steps(page):
        name = FILE.match(text)
        if name is not None and language != "sh":
            (folder / name[1]).write_text(text)
        elif language == "python":
            run([sys.executable, "-c", text], folder, env)
            count += 1
        elif language == "sh":
            run(["bash", "-e", "-c", text], folder, env)
            count += len(text.splitlines())
    return count


@pytest.mark.slow
@pytest.mark.parametrize(
    "pages",
    [("start",), ("builtin",), ("sweeps", "reports"), ("programs",)],
    ids=lambda pages: pages[0],
)
def test_what_the_pages_show_runs(pages: tuple[str, ...], tmp_path: Path) -> None:
    for page in pages:
        assert follow(page, tmp_path) > 0


@pytest.mark.slow
def test_what_the_page_on_wandb_shows_runs(wandb_server: WandbServer, tmp_path: Path) -> None:
    env = wandb_server.env()
    shown = list(steps("online"))
    for language, text in shown:
        if language != "sh":
            (tmp_path / FILE.match(text)[1]).write_text(text)  # type: ignore[index]
    [(_, commands)] = [step for step in shown if step[0] == "sh"]
    first, second = commands.splitlines()
    run(["bash", "-e", "-c", first], tmp_path, env)
    [sweep] = wandb_server.sweeps.values()
    place = f"{sweep.entity}/{sweep.project}/{sweep.id}"
    run(["bash", "-e", "-c", second.replace("ENTITY/PROJECT/ID", place)], tmp_path, env)
    assert [run.state for run in wandb_server.runs.values()] == ["finished"] * 3


def test_links_lead_to_files() -> None:
    for name, text in PAGES.items():
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (DOCS / target).exists(), f"{name}.md: {target}"


def test_the_reference_is_that_of_the_code() -> None:
    pages = runpy.run_path(str(DOCS / "conf.py"))["reference"]()
    if sys.version_info >= (3, 13):  # whose argparse lays help out in another way
        del pages["commands"]
    for name, text in pages.items():
        assert (DOCS / "reference" / f"{name}.md").read_text() == text, "run: python docs/conf.py"


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="pip install -e '.[docs]'")
    nbclient = pytest.importorskip("nbclient", reason="pip install -e '.[docs]'")
    notebook = nbformat.read(DOCS / "tutorial.ipynb", as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    client = nbclient.NotebookClient(notebook, timeout=300, resources=resources)
    client.execute(env=users_environment(WANDB_SILENT="true"))
    assert "finished" in str(notebook.cells[3].outputs)
    assert notebook.cells[-1].outputs


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="sphinx is not installed: pip install -e '.[docs]'")
    site = tmp_path / "site"
    run([sys.executable, "-m", "sphinx", "-q", "-W", str(DOCS), str(site)], tmp_path, {})
    settings = (site / "reference" / "settings.html").read_text()
    assert "learning_rate" in settings
    assert "--continue-from" in (site / "reference" / "commands.html").read_text()
    assert "train_stack" in (site / "reference" / "python.html").read_text()
