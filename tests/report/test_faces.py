"""What every block owes beside HTML: Markdown with its pictures, and blocks of a W&B report."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from dlsweep import ConfigError, tracking
from dlsweep.report import Online, _panels, render_markdown, standard_report
from dlsweep.report._markdown import cell, grid, plain
from dlsweep.report.blocks import (
    BLOCKS,
    AllRuns,
    BestRun,
    Block,
    Comparison,
    ConfusionMatrices,
    Curves,
    Effects,
    Heading,
    Importance,
    ParallelCoordinates,
    PerClass,
    Scatter,
    SideBySide,
    Text,
)
from dlsweep.report.findings import lead
from tests.report.tables import made_up_run, made_up_table, table_of
from tests.report.test_blocks import EXAMPLES, HOSTILE, TABLES

PLACE = Online("team", "plants", "abc123")
LINK = re.compile(r"!\[[^\]]*\]\(([^)]*)\)")


def visible(markdown: str) -> str:
    """The text outside of code, where markup would be markup."""
    without = re.sub(r"```.*?```", "", markdown, flags=re.DOTALL)
    without = re.sub(r"`[^`\n]*`", "", without)
    return re.sub(r"</?(details|summary)>", "", without)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.__name__)
def test_every_block_is_markdown(block: type[Block], name: str, tmp_path: Path):
    text = EXAMPLES[block].markdown(TABLES[name], tmp_path)
    assert text.endswith("\n")
    assert text.strip()
    assert "nan" not in visible(text).lower()
    assert not re.search(r"<\w", visible(text))
    for picture in LINK.findall(text):  # it is there, beside the page, and it can be read
        if picture.endswith(".svg"):
            ET.parse(tmp_path / picture)
        else:
            Image.open(tmp_path / picture).verify()
    assert {path.name for path in tmp_path.iterdir()} == set(LINK.findall(text))
    for line in text.splitlines():
        if line.startswith("|"):  # the cells of a table are as many as its columns
            assert len(re.findall(r"(?<!\\)\|", line)) == line_count(text, line)


def line_count(text: str, line: str) -> int:
    """The bars of the header of the table in which a line is."""
    lines = text.splitlines()
    first = lines.index(line)
    while first and lines[first - 1].startswith("|"):
        first -= 1
    return lines[first].count("|")


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.__name__)
def test_every_block_is_blocks_of_a_wandb_report(block: type[Block], name: str):
    reports = pytest.importorskip("wandb_workspaces.reports.v2")
    table = replace(TABLES[name], online=PLACE)
    made = EXAMPLES[block].wandb(table, [_panels.all_runs(table, PLACE)])
    assert made or block is ParallelCoordinates  # without settings it has no axes
    assert all(isinstance(item, reports.interface.Block) for item in made)
    for item in made:
        if isinstance(item, reports.PanelGrid):
            assert item.panels
            assert all(runset.entity == "team" for runset in item.runsets)
        if isinstance(item, reports.MarkdownBlock):
            assert not re.search(r"<\w", visible(item.text))


# What is drawn is what the runs hold


def texts(path: Path) -> list[str]:
    return [
        "".join(node.itertext()) for node in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")
    ]


def test_pictures_name_what_they_show(tmp_path: Path):
    table = made_up_table(40)
    best = lead(table)
    assert best is not None
    for block in (Scatter(), Curves(), ParallelCoordinates(), Importance(), Effects()):
        block.markdown(table, tmp_path)
    assert best.name in texts(tmp_path / "scatter-optimizer.svg")  # which matters most
    curves = set(texts(tmp_path / "curves.svg"))
    assert {"validation accuracy", "training loss, cross entropy", "epoch"} <= curves
    assert {"adam", "nadam", "sgd", "0.0001"} <= set(texts(tmp_path / "parallel.svg"))
    assert "optimizer" in texts(tmp_path / "importance.svg")
    assert {"learning rate", "0.001", "tanh"} <= set(texts(tmp_path / "effects.svg"))


def test_pictures_are_the_same_every_time_and_small(tmp_path: Path):
    table = made_up_table(120)
    first, second = tmp_path / "1", tmp_path / "2"
    for folder in (first, second):
        render_markdown(standard_report(), table, folder)
    written = sorted(path.name for path in first.iterdir())
    assert len(written) > 8
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in written)
    assert sum(path.stat().st_size for path in first.iterdir()) < 1_000_000


def ticks(svg: str) -> list[str]:
    """What stands along the axes of a picture."""
    return re.findall(r"<text[^>]*>\s*(−?[\d.]+%?)\s*</text>", svg)


def test_runs_of_one_epoch_have_an_axis_of_one_epoch(tmp_path: Path):
    table = table_of(*(made_up_run(n, epochs=1) for n in range(3)))
    Curves(("val_loss",)).markdown(table, tmp_path)
    drawn = ticks((tmp_path / "curves.svg").read_text())
    assert drawn[0] == "1"
    assert "1.02" not in drawn
    Scatter("order").markdown(table_of(made_up_run(0)), tmp_path)
    assert ticks((tmp_path / "scatter-order.svg").read_text())[0] == "1"


def test_no_interval_of_an_accuracy_is_drawn_beyond_0_and_100_percent(tmp_path: Path):
    runs = (made_up_run(n) for n in range(4))
    values = (0.01, 0.99, 0.02, 0.98)
    far = table_of(*(replace(run, value=v) for run, v in zip(runs, values, strict=True)))
    Effects().markdown(far, tmp_path)
    shares = [t for t in ticks((tmp_path / "effects.svg").read_text()) if t.endswith("%")]
    assert shares
    assert all(0 <= float(t.rstrip("%").replace("−", "-")) <= 100 for t in shares)


def test_verdicts_are_a_table(tmp_path: Path):
    text = Importance().markdown(made_up_table(40), tmp_path)
    assert re.search(r"\| optimizer \| matters \| \d+ % \| \d+ % to \d+ % \|", text)
    assert "| loss | no clear effect | – |  |" in text
    same = replace(made_up_table(12), parameters=())
    assert Importance().markdown(same, tmp_path).startswith("The runs differ in no setting")


def test_what_final_means_is_said_inside_the_unfolded_table(tmp_path: Path):
    text = AllRuns().markdown(made_up_table(3), tmp_path)
    assert "Final means after a run's last epoch" in text
    assert text.endswith("</details>\n")
    assert "| final validation accuracy | best validation accuracy | test accuracy |" in text


def test_a_name_with_dollars_or_markup_is_drawn_as_it_is(tmp_path: Path):
    named = replace(made_up_run(1), name="$x^2$ <b>&</b>")
    Scatter("time").markdown(table_of(named), tmp_path)
    assert "$x^2$ <b>&</b>" in texts(tmp_path / "scatter-time.svg")


def test_a_run_as_a_table_with_its_command(tmp_path: Path):
    table = made_up_table(9)
    best = lead(table)
    assert best is not None
    text = BestRun().markdown(table, tmp_path)
    assert f"| test accuracy | {100 * best.summary['test_accuracy']:.1f}\u202f% |" in text
    assert "```sh\ndlsweep train --dataset digits" in text


def test_the_numbers_of_each_class(tmp_path: Path):
    run = replace(made_up_run(1), summary={"test_confusion": [[8, 2, 0], [1, 9, 0], [0, 0, 0]]})
    lines = PerClass().markdown(table_of(run), tmp_path).splitlines()
    assert lines[2:] == [
        "| `0` | 88.9 % | 80.0 % | 84.2 % | 10 |",
        "| `1` | 81.8 % | 90.0 % | 85.7 % | 10 |",
        "| `2` | – | – | – | 0 |",
        *lines[5:],
    ]
    assert lines[5] == "| **accuracy** |  |  | 85.0 % | 20 |"
    picture = ConfusionMatrices().markdown(table_of(run), tmp_path)
    assert "confusion.svg" in picture
    assert {"8", "2", "1", "9"} <= set(texts(tmp_path / "confusion.svg"))


def test_two_losses_side_by_side(tmp_path: Path):
    one = made_up_run(1)
    other = replace(
        made_up_run(2), config={**one.config, "loss": "mean_squared_error"}, name="other"
    )
    first = replace(one, config={**one.config, "loss": "cross_entropy"})
    text = Comparison().markdown(table_of(first, other), tmp_path)
    assert LINK.findall(text) == ["comparison-loss.svg", "comparison-loss-confusion.svg"]
    assert "|  | `cross_entropy` | `mean_squared_error` |" in text
    assert "cross_entropy, validation" in texts(tmp_path / "comparison-loss.svg")
    assert "it takes 3 to tell a difference from chance" in text


@pytest.mark.usefixtures("five_hours_west")
def test_the_page_says_what_it_is_made_of(tmp_path: Path):
    table = replace(made_up_table(3), title=HOSTILE, notices=("x was taken for y",))
    page = render_markdown(standard_report(), table, tmp_path / "new" / "folder")
    text = page.read_text(encoding="utf-8")
    assert page.name == "README.md"
    assert text.startswith("# \\<script\\>")
    assert "Made 2026-01-02 22:04 from dlsweep.db, study digits, with dlsweep 0, torch 2." in text
    assert "x was taken for y." in text
    headings = [b.text for b in standard_report().shown(table) if isinstance(b, Heading)]
    assert re.findall(r"^## (.*)$", text, flags=re.MULTILINE) == headings


def test_a_list_stands_apart_from_the_next(tmp_path: Path):
    listed = Text(lambda table: ["a", "b"], listed=True)
    assert listed.markdown(table_of(), tmp_path) == "- a\n- b\n"
    assert SideBySide().markdown(table_of(), tmp_path).startswith("There are no two runs")


def test_tables_and_names():
    assert grid(["a", "b"], [["1", "2"]], (1,)) == "| a | b |\n| --- | ---: |\n| 1 | 2 |\n"
    assert cell("a|b`c") == "`a\\|b'c`"
    assert cell("") == ""
    assert plain("a*b_<c>\n[d](e)") == "a\\*b\\_\\<c\\> \\[d\\](e)"


def test_runs_that_show_the_data_are_not_among_the_runs():
    pytest.importorskip("wandb_workspaces.reports.v2")
    assert tracking.JOB_TYPE == _panels.DATA_JOB
    table = made_up_table(2, online=Online("team", "plants", group="toy"))
    assert _panels.all_runs(table, table.online).filters == (
        "Metric('Group') == 'toy' and Metric('JobType') != 'data'"
    )


def test_without_wandb_workspaces(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "wandb_workspaces.reports.v2", None)
    with pytest.raises(ConfigError, match=r"pip install 'dlsweep\[publish\]'"):
        Heading("x").wandb(table_of(), [])
