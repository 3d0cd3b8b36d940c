"""What every block owes: an HTML rendering of any runs table, without an error and escaped."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields, is_dataclass, replace
from html.parser import HTMLParser

import pytest

from dlsweep.report import RunsTable, blocks, comparable, render_html, standard_report
from dlsweep.report._page import Page
from dlsweep.report.blocks import (
    BLOCKS,
    AgreementTable,
    Block,
    Heading,
    Importance,
    StudyList,
    Text,
)
from dlsweep.sweep import Metric
from tests.report.tables import diverged_run, failed_run, made_up_run, made_up_table, table_of

HOSTILE = "<script>alert(1)</script>\"'&</div>"
STUDIES = comparable([made_up_table(12, title="ann"), made_up_table(9, title=HOSTILE)])
EXAMPLES: dict[type[Block], Block] = {
    block: block() for block in BLOCKS if not any(f.default is MISSING for f in fields(block))
} | {
    AgreementTable: AgreementTable(STUDIES),
    Heading: Heading("Which settings matter?"),
    StudyList: StudyList(STUDIES),
    blocks.ConfusionGrid: blocks.ConfusionGrid(most=3),  # it is slow to draw
    Text: Text(lambda table: [f"{len(table.runs)} runs, `a < b`, and **strong words**."]),
}


def hostile_table() -> RunsTable:
    run = made_up_run(1)
    named = replace(
        run,
        name=HOSTILE,
        run_id=HOSTILE,
        url="javascript:alert(1)",
        config={**run.config, "x": HOSTILE},
    )
    failed = replace(failed_run(2, HOSTILE), name=HOSTILE)
    return table_of(named, failed, title=HOSTILE, source=HOSTILE, versions={"x": HOSTILE})


TABLES = {
    "many runs": made_up_table(30),
    "a dozen runs": made_up_table(12),
    "several metrics": replace(
        made_up_table(9), others=tuple(Metric(n, "minimize") for n in ("parameters", "train_loss"))
    ),
    "no runs": table_of(),
    "one run": made_up_table(1),
    "all failed": table_of(failed_run(1), failed_run(2)),
    "a diverged run": table_of(made_up_run(1), diverged_run(2)),
    "only diverged": table_of(diverged_run(1), diverged_run(2)),
    "no histories": table_of(*(replace(made_up_run(n), history=()) for n in range(5))),
    "empty summaries": table_of(*(replace(made_up_run(n), summary={}) for n in range(5))),
    "empty settings": table_of(*(replace(made_up_run(n), config={}) for n in range(5))),
    "nothing swept": made_up_table(5, parameters=()),
    "hostile": hostile_table(),
}
VOID = {"img", "wbr", "br", "hr", "input", "col", "meta"}


class Balanced(HTMLParser):
    """Notes the tags and how wide tables are; fails where one is closed that is not open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.widths: list[list[int]] = []
        """Of each table, the columns of each row."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag == "table":
            self.widths.append([])
        elif tag == "tr":
            self.widths[-1].append(0)
        elif tag in ("td", "th"):
            self.widths[-1][-1] += int(dict(attrs).get("colspan") or 1)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def test_every_block_is_exported_and_listed_and_has_an_example():
    public = {
        getattr(blocks, name) for name in blocks.__all__ if name not in ("BLOCKS", "Block", "Claim")
    }
    assert set(BLOCKS) == public == set(EXAMPLES)
    assert len(BLOCKS) == len(set(BLOCKS))


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.__name__)
def test_a_block_is_a_frozen_documented_dataclass_in_a_file_of_its_own(block: type[Block]):
    assert is_dataclass(block)
    assert block.__doc__
    example = EXAMPLES[block]
    assert hash(replace(example)) == hash(example)
    others = [other for other in BLOCKS if other is not block]
    assert block.__module__ not in {other.__module__ for other in others}
    for field in fields(block):
        assert f"{field.name}: " in block.__doc__


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.__name__)
def test_html_is_whole_and_safe_for_any_table(block: type[Block], name: str):
    html = EXAMPLES[block].html(TABLES[name], Page())
    parser = Balanced()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    assert all(len(set(rows)) == 1 for rows in parser.widths)
    assert "script" not in parser.seen
    assert "javascript:" not in html


def test_a_setting_has_a_share_only_where_it_is_known_to_matter():
    html = Importance().html(made_up_table(40), Page())
    rows = re.findall(r'<tr class="main"><th scope="row">(.*?)</th>(.*?)</tr>', html)
    shares = {name: "fill" in row for name, row in rows}
    assert shares["optimizer"]
    assert {"optimizer", "loss"} <= shares.keys()
    assert all(
        drawn == ("no clear effect" not in row)
        for (_, row), drawn in zip(rows, shares.values(), strict=True)
    )
    few = Importance().html(made_up_table(3), Page())
    assert "fill" not in few
    assert "No setting is known to matter" in few


@pytest.mark.parametrize("name", ["a dozen runs", "all failed", "a diverged run", "no runs"])
def test_a_report_says_once_what_went_wrong(name: str):
    table = TABLES[name]
    page = render_html(standard_report(), table)
    part = page.partition("What went wrong?</h2>")[2].partition("<h2")[0]
    part = part.partition('<div class="nothing">')[0]
    assert 'class="missing"' not in part
    assert part.count("<table") == bool(table.failed())
    diverged = any(run.status == "diverged" for run in table.runs)
    assert part.count('<div class="prose">') == diverged
    assert page.count("<strong>What went wrong?</strong>") == (not table.failed())
