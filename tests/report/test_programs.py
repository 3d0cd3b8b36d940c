"""Reports of any program's runs: what is said is true of them, and nothing of dlsweep's own."""

from __future__ import annotations

import html as markup
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlsweep.report import (
    Online,
    RunsTable,
    drawings,
    publish,
    render_html,
    render_markdown,
    standard_report,
    text,
)
from dlsweep.report._data import page_data
from dlsweep.report._page import Page
from dlsweep.report._words import amount, between, four_digits, span
from dlsweep.report.blocks import (
    BLOCKS,
    AllRuns,
    BestRun,
    Block,
    Comparison,
    Curves,
    Effects,
    ParallelCoordinates,
    Scatter,
    SideBySide,
)
from dlsweep.report.findings import find, lead
from dlsweep.report.statistics import configurations
from dlsweep.sweep import Metric
from tests.report.browser import Browser
from tests.report.programs import TABLES, program_run, program_table, repeat
from tests.report.test_blocks import EXAMPLES, Balanced
from tests.wandb_server import WandbServer

OWN = re.compile(
    r"accurac|validation|training images|test images|confusion|ROC|data set|epoch by epoch|"
    r"last epoch|best epoch|\bclass|train\.py|diverge|cross.entropy|final |points|seeds?\b",
    re.IGNORECASE,
)
"""What only dlsweep's own runs have."""
SAID = {"rewards": ("seed",)}
"""What these tables may speak of all the same."""


def page_text(table: RunsTable) -> str:
    """What a page says, without its script, its styles and its data."""
    body = render_html(standard_report(), table).partition("<main>")[2].partition("</main>")[0]
    body = re.sub(r"<noscript>.*?</noscript>", "", body, flags=re.DOTALL)
    return markup.unescape(re.sub(r"<[^>]*>", " ", body))


def markdown(table: RunsTable, folder: Path) -> str:
    """What a folder says, its pictures included."""
    page = render_markdown(standard_report(), table, folder).read_text(encoding="utf-8")
    drawn = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.svg"))]
    letters = [re.findall(r"<text[^>]*>([^<]*)</text>", svg) for svg in drawn]
    return "\n".join([page, *(markup.unescape(line) for lines in letters for line in lines)])


def said(name: str, folder: Path) -> dict[str, str]:
    """A table's report in every rendering that needs no account."""
    table = TABLES[name]
    return {"html": page_text(table), "markdown": markdown(table, folder)}


def of_own(found: str, name: str) -> list[str]:
    """The words of dlsweep's own runs in a report."""
    without = found.replace("differ at most in their seed", "")
    return [m for m in OWN.findall(without) if m.lower() not in SAID.get(name, ())]


@pytest.mark.parametrize("name", TABLES)
def test_nothing_is_said_that_only_dlsweeps_own_runs_have(name: str, tmp_path: Path):
    for face, found in said(name, tmp_path).items():
        assert of_own(found, name) == [], face


@pytest.mark.parametrize("name", [name for name, table in TABLES.items() if table.runs])
def test_every_setting_and_metric_has_its_own_name(name: str, tmp_path: Path):
    table = TABLES[name]
    names = set(table.parameters) | {key for run in table.runs for key in run.summary}
    page = page_data(table)
    assert {s["name"] for s in page["settings"]} >= set(table.parameters)
    assert {*page["results"], page["metric"]["name"]} >= {k for r in table.runs for k in r.summary}
    found = said(name, tmp_path)["markdown"]
    for key in names:
        assert key.replace("`", "'") in found.replace("\\|", "|")


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.__name__)
def test_any_block_by_itself_is_whole_and_safe(block: type[Block], name: str, tmp_path: Path):
    parser = Balanced()
    parser.feed(EXAMPLES[block].html(TABLES[name], Page()))
    parser.close()
    assert parser.open == []
    assert "script" not in parser.seen
    EXAMPLES[block].markdown(TABLES[name], tmp_path)


def test_hostile_names_are_text_in_markdown(tmp_path: Path):
    page = render_markdown(standard_report(), TABLES["hostile"], tmp_path).read_text()
    outside = re.sub(r"^(`{3,})sh\n.*\n\1$", "", page, flags=re.MULTILINE)
    outside = re.sub(r"\\.|`[^`]*`", "", outside)  # what is escaped, and what is code
    assert "<script>" in page
    assert "<s" not in re.sub("</?(details|summary)>", "", outside)
    for row in [line for line in page.splitlines() if line.startswith("|  | run")]:
        columns = len(re.findall(r"(?<!\\)\|", row))
        rows = page.partition(row)[2].split("\n\n")[0].strip().splitlines()
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {columns}


@pytest.mark.parametrize("name", TABLES)
def test_a_page_opens_without_an_error(browser: Browser, name: str):
    table = TABLES[name]
    with browser.open(render_html(standard_report(), table)) as opened:
        for inked, _ in opened.drawn():
            assert inked > 100
        assert of_own(opened.text("main"), name) == []
        if table.runs:
            heads = opened.page.locator(".all_runs thead th").all_inner_texts()
            assert (table.metric.name or "Status") in heads[2].replace("status", "Status")
            assert "undefined" not in opened.text("main")
            assert "NaN" not in opened.text("main")


def test_what_is_left_out_leaves_no_empty_section():
    page = render_html(standard_report(), TABLES["losses"])
    headings = re.findall(r"<h2[^>]*>([^<]*)</h2>", page)
    assert headings == [
        "Which settings matter?",
        "Which configuration is best?",
        "How did the runs get there?",
        "What do poor and good runs have in common?",
        "What else to run?",
        "Every run",
        "How were these numbers made?",
    ]


# Goals, values and repeats


def test_a_loss_of_any_size_is_minimized_and_shown_with_four_digits():
    table = TABLES["losses"]
    best = lead(table)
    assert best is not None
    assert best.value == min(run.value for run in table.runs if run.value is not None)
    told = " ".join(text.overview(table))
    assert "In `loss` (lower is better), the best single run has 1,315" in told
    assert "reaches **1,315** in `loss`, where lower is better." in text.best_run(table)[0]
    assert "%" not in told
    assert "95 % interval" not in told


def test_a_negative_reward_is_maximized_over_repeats():
    table = TABLES["rewards"]
    found = configurations(table)
    assert [len(c.runs) for c in found] == [3, 3, 3, 3]
    assert [c.value for c in found] == pytest.approx([-29.75, -27.75, -25.75, -23.75])
    told = " ".join(text.overview(table))
    assert "That is 4 configurations: runs that differ only in their seed count as one" in told
    assert "(higher is better), the best single run has -23.25, the median is -26.75" in told
    best = " ".join(text.best_run(table))
    assert (
        "reaches **-23.75** in `eval.reward`, where higher is better, the mean of 3 runs (95 % "
        "interval -24.99 to -22.51)." in best
    )


def test_different_configurations_are_no_repeats():
    """Not even where they differ in what dlsweep does not count: `device` is a setting here."""
    runs = [program_run(i, {"lr": 0.1, "device": "ab"[i % 2]}, 5.0 + i) for i in range(4)]
    table = program_table(runs)
    assert table.parameters == ("device",)
    assert [[r.name for r in c.runs] for c in configurations(table)] == [
        ["mine-0", "mine-2"],
        ["mine-1", "mine-3"],
    ]
    nothing_known = program_table([program_run(i, {}, 5.0 + i) for i in range(3)])
    assert [len(c.runs) for c in configurations(nothing_known)] == [1, 1, 1]


def test_values_that_look_alike_are_told_apart():
    levels = {e.setting: [m.level for m in e.levels] for e in find(TABLES["categories"]).effects}
    assert levels["flag"] == ['"1"', '"true"', "1", "true"]
    assert levels["optimizer"] == ["none", '{"name": "adam"}', '{"name": "sgd", "momentum": 0.9}']
    assert sorted(levels["betas"]) == ["[0.9, 0.991]", "[0.9, 0.99]"]


def test_no_interval_or_axis_of_fractions(tmp_path: Path):
    table = replace(TABLES["losses"], metric=Metric("val_accuracy", "maximize"))
    assert not table.is_share()
    assert amount(table, 0.87654) == "0.8765"
    assert span(table, -0.2, 1.3) == "95 % interval -0.2 to 1.3"
    assert between(table, -1e-5, 0.5) == "95 % interval -0.00001 to 0.5"
    assert not page_data(table)["own"]
    assert Effects().markdown(table, tmp_path)
    assert " %" not in "".join(
        re.findall(r">([^<]*)</text>", (tmp_path / "effects.svg").read_text())
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234.5, "1,234"),
        (-3, "-3"),
        (0.000123456, "0.0001235"),
        (1.23456e-8, "1.235 × 10⁻⁸"),
        (123456789.0, "1.235 × 10⁸"),
        (-54321.0, "-54,320"),
        (0.1, "0.1"),
        (0, "0"),
    ],
)
def test_numbers_of_any_size(value: float, shown: str):
    assert four_digits(value) == shown


def test_a_setting_that_spans_decades_has_a_logarithmic_axis(tmp_path: Path):
    rates = [10 ** (-5 + 0.2 * i) for i in range(21)]
    table = program_table([program_run(i, {"lr": lr}, 5.0 + i) for i, lr in enumerate(rates)])
    Scatter("lr").markdown(table, tmp_path)
    ParallelCoordinates().markdown(table, tmp_path)
    labels = re.findall(r">([^<]*)</text>", (tmp_path / "parallel.svg").read_text())
    assert {"0.00001", "0.1"} <= set(labels)
    axes = drawings.scatter(table, "lr").axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    assert drawings.scatter(TABLES["losses"], "width").axes[0].get_xscale() == "linear"


# The best run and its command


def test_the_best_runs_command_is_the_programs_own(tmp_path: Path):
    for name in ("losses", "categories", "hostile"):
        table = TABLES[name]
        best = lead(table)
        assert best is not None
        command = repeat(best.config)
        assert command in markup.unescape(re.sub("<[^>]*>", "", BestRun().html(table, Page())))
        page = BestRun().markdown(table, tmp_path)
        [[fence, line]] = re.findall(r"^(`{3,})sh\n(.*)\n\1$", page, flags=re.MULTILINE)
        assert line == command
        assert len(fence) > max(map(len, re.findall("`+", command)), default=2)


def test_a_command_that_is_not_known_is_left_out(tmp_path: Path):
    table = replace(TABLES["losses"], repeat=None)
    assert "To run it again" in BestRun().html(TABLES["losses"], Page())
    assert "To run it again" not in BestRun().html(table, Page())
    assert "```" not in BestRun().markdown(table, tmp_path)
    assert "command" not in " ".join(text.next_steps(table))


def test_a_metric_and_a_setting_of_one_name_both_stand(tmp_path: Path):
    page = BestRun().markdown(TABLES["losses"], tmp_path)
    assert re.findall(r"^\| `loss` \| (.*) \|$", page, flags=re.MULTILINE) == [
        "1,315",
        "`l1`",
    ]
    assert "| `val/acc` | 93.25 |" in page
    table = AllRuns().markdown(TABLES["losses"], tmp_path).splitlines()
    assert table[3].count("`loss`") == 2
    assert "| `loss` | `l1` |" in SideBySide().markdown(TABLES["losses"], tmp_path)


# What to run next


def test_edges_of_what_was_tried_and_repeats_are_suggested():
    again, edge, width = text.next_steps(TABLES["losses"])
    assert edge == (
        "Try `lr` below `0.00001`: the best run has the smallest value that was tried: "
        "`python mine.py --lr=1e-06 --width=8 --loss=l1`"
    )
    assert width.startswith("Try `width` below `8`: the best run has the smallest value that was")
    assert "--width=4 " in width
    assert again.startswith("Run `mine-0` and `mine-")
    assert "`python mine.py --lr=" in again
    repeated = text.next_steps(TABLES["rewards"])
    assert len(repeated) == 1
    assert repeated[0].startswith("Try `agent.gamma` above `0.96`: the best run has the largest")


def test_nothing_is_suggested_without_a_ground():
    inside = [program_run(i, {"lr": lr}, abs(lr - 2.0) + 5) for i, lr in enumerate((1, 2, 3))]
    [only] = text.next_steps(program_table(inside))
    assert only.startswith("Run `mine-1` and `mine-0` a few times more")
    zero = [program_run(i, {"dropout": i / 4}, 5.0 + i) for i in range(3)]
    assert all("dropout = 0" not in line for line in text.next_steps(program_table(zero)))
    for name in ("a single run", "all failed", "no metric", "no runs", "categories"):
        assert all("tried" not in line for line in text.next_steps(TABLES[name])), name


# What was logged


def test_curves_are_of_what_was_logged_by_step(tmp_path: Path):
    sparse = [
        {"_step": 10 * i, "loss": 5.0 - i} | ({"val/acc": 0.1 * i} if i % 2 else {})
        for i in range(5)
    ]
    table = program_table([program_run(0, {"lr": 1}, 1.0, history=sparse)])
    page = page_data(table)
    assert list(page["history"]) == ["loss", "val/acc"]
    assert page["history"]["val/acc"] == [[0.1, 0.3]]
    assert page["steps"] == {"loss": [[0, 10, 20, 30, 40]], "val/acc": [[10, 30]]}
    options = re.findall(r'data-options="([^"]*)"', Curves().html(table, Page()))
    assert json.loads(markup.unescape(options[0])) == {"metrics": ["loss", "val/acc"]}
    Curves().markdown(table, tmp_path)
    drawn = (tmp_path / "curves.svg").read_text()
    assert {">step<", ">loss<", ">val/acc<"} <= set(re.findall(r">[^<]*<", drawn))


def test_long_histories_are_thinned_but_for_the_last_step():
    long = [{"loss": float(i)} for i in range(100_000)]
    page = page_data(program_table([program_run(0, {}, 1.0, history=long)] * 3))
    curve, steps = page["history"]["loss"][0], page["steps"]["loss"][0]
    assert len(curve) == len(steps) <= 501
    assert (steps[0], steps[-1], curve[-1]) == (0, 99_999, 99_999)


def test_nothing_is_ranked_without_a_metric(tmp_path: Path):
    table = TABLES["no metric"]
    assert "No metric says which of them is better, so none is ranked." in text.overview(table)
    assert lead(table) is None
    shown = [type(block) for block in standard_report().shown(table)]
    assert {Curves, SideBySide, AllRuns} < set(shown)
    assert not {BestRun, Scatter, Effects} & set(shown)
    for found in said("no metric", tmp_path).values():
        assert not re.search(r"\bbest\b|\brank\b|median|worst", found)
    rows = [r for r in AllRuns().markdown(table, tmp_path).splitlines() if "`mine-" in r]
    assert [re.findall(r"`mine-(\d+)`", row)[0] for row in rows] == [str(i) for i in range(30)]
    assert "93.25" in rows[0]


def test_a_metric_that_was_never_logged_is_told_with_those_that_were():
    runs = [replace(run, value=None) for run in TABLES["losses"].runs]
    told = " ".join(text.overview(program_table(runs, Metric("los", "minimize"))))
    assert "None of them has a value of `los`. They logged `loss`, `epoch` and `val/acc`." in told
    silent = " ".join(text.overview(TABLES["nothing logged"]))
    assert silent.endswith("None of them has a value of `loss`.")
    many = [program_run(0, {}, status="finished", summary={f"m{i:02}": 1.0 for i in range(12)})]
    assert "`m09` and 2 others." in " ".join(text.overview(program_table(many)))


def test_a_comparison_stands_where_both_values_were_tried():
    table = TABLES["losses"]
    assert Comparison("loss", "l1", "huber").fits(table)
    assert not Comparison().fits(table)
    page = Comparison("loss", "l1", "huber").html(table, Page())
    assert "l1 against huber" in page
    assert "of two kinds" not in page


# W&B


def panels_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The panels of a saved report."""
    grids = [block["metadata"] for block in spec["blocks"] if block["type"] == "panel-grid"]
    return [panel for grid in grids for panel in grid["panelBankSectionConfig"]["panels"]]


def test_a_wandb_report_of_a_program(
    wandb_server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("wandb_workspaces")
    wandb_server.project("team", "plants")
    for name in ("losses", "rewards", "no metric", "hostile"):
        table = replace(
            TABLES[name], online=Online("team", "plants", name[:3]), title=name, name=name
        )
        publish(standard_report(), table)
    saved = {report.display_name: report.spec for report in wandb_server.reports.values()}
    assert len(saved) == 4
    for name, spec in saved.items():
        told = [b["content"] for b in spec["blocks"] if b["type"] == "markdown-block"]
        told += [c["text"] for b in spec["blocks"] for c in b.get("children", ()) if "text" in c]
        panels = panels_of(spec)
        assert of_own("\n".join([*told, json.dumps([p["config"] for p in panels])]), name) == []
        kinds = {p["viewType"] for p in panels}
        judged = TABLES[name].judged
        assert ("Parallel Coordinates Plot" in kinds) == ("Scatter Plot" in kinds) == judged
    lines = [p["config"] for p in panels_of(saved["rewards"]) if "Line Plot" in p["viewType"]]
    assert ["eval.reward"] in [config["metrics"] for config in lines]
    assert {config.get("xAxis", "_step") for config in lines} == {"_step"}
    [axes] = [
        p["config"]["columns"]
        for p in panels_of(saved["rewards"])
        if p["viewType"] == "Parallel Coordinates Plot"
    ]
    assert [axis["accessor"] for axis in axes] == [
        "config:agent.value.gamma",
        "summary:eval.reward",
    ]
