"""What a reader sees first: a few true sentences, the next command and one figure, on any screen.

The tables are made by hand, so that the truth is known.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from dlsweep.report import RunsTable, render_html, standard_report, text
from dlsweep.report.findings import find, strongest_pair
from tests.report.browser import Browser
from tests.report.hand_made import run, table
from tests.report.test_findings import RUINED, grid, measured, ruined, seconds, two_losses

RATES = [float(rate) for rate in np.geomspace(1e-4, 1e-1, 40)]


def optimum() -> RunsTable:
    axes = {"learning_rate": RATES, "activation": ("relu", "tanh")}
    return grid(lambda p: 0.9 - 0.1 * (math.log10(p["learning_rate"]) + 2.5) ** 2, 0.01, axes)


def crossed(point: Mapping[str, object]) -> float:
    return 0.5 if (point["optimizer"], point["activation"]) == ("sgd", "tanh") else 0.8


def seeds() -> RunsTable:
    means = ((1, 0.6), (2, 0.8), (3, 0.79))
    return table(
        [run(10 * e + s, v + 0.01 * s, seed=s, epochs=e) for e, v in means for s in range(3)]
    )


MADE: dict[str, tuple[Callable[[], RunsTable], list[str]]] = {
    "a fatal value": (
        lambda: grid(ruined, axes=RUINED),
        [
            r"The best configuration has weight decay `0(\.0005)?` and optimizer `adam` and",
            r"\d+ others may be just as good: the differences are within chance\.",
            r"Weight decay matters most \(\d+ % of the variance\), then optimizer \(\d+ %\)\.",
            r"Weight decay `0.5` \*\*never works:\*\* all 18 configurations with it ended at",
            r"Train the best 5 configurations with more seeds.*: `dlsweep repeat toy-1 --top 5",
        ],
    ),
    "an interaction": (
        lambda: grid(crossed),
        [
            r"The best configuration has optimizer `\w+` and activation `\w+` and reaches \*\*8",
            r"\d+ others may be just as good",
            r"Optimizer matters most .*; optimizer and activation act together, with .* for `s",
            r"Train the best 5",
        ],
    ),
    "an optimum in the middle": (
        optimum,
        [
            r"The best configuration has learning rate `0.00\d+` and reaches",
            r"\d+ others may be just as good",
            r"Learning rate matters most .* and is best at `0.003.* to .*`, in the middle of what",
            r"Train the best 5",
        ],
    ),
    "noise": (
        lambda: grid(lambda p: 0.7, 0.05),
        [
            r"The best configuration, that of `run-\d+`, reaches \*\*\d\d",
            r"\d+ others may be just as good",
            r"No setting is known to matter: all differences between values are within chance\.",
            r"Train the best 5",
        ],
    ),
    "two losses": (
        two_losses,
        [
            r"The sweep is judged by `val_loss`, \*\*but its runs were trained with different",
            r"The best configuration has loss `cross_entropy` and epochs `12` and reaches \*\*8",
            r"Loss matters most",
            r"Judge the sweep by `metric: ",
        ],
    ),
    "three seeds each": (
        seeds,
        [
            r"The best configuration, that of `run-21`, reaches \*\*81.0 %\*\* .*, the mean of 3",
            r"1 other may be just as good: the difference is within chance\.",
            r"There are too few runs to tell which settings matter\.",
            r"To train it again: `dlsweep train --epochs 2 --seed 1`",
        ],
    ),
    "all at chance": (
        lambda: grid(lambda p: 0.1),
        [
            r"\*\*None of the 54 runs has learned anything:\*\* the best is no better than always",
            r"Before another sweep, find one configuration that learns; .*: `dlsweep train",
        ],
    ),
    "one run": (
        lambda: table([measured(0, 0.8)]),
        [
            r"The only configuration with a result, `run-0`, reaches \*\*80.0 %\*\* .*1,000 images",
            r"Train it with more seeds, to see how much is luck: `dlsweep repeat toy-1 --top 1",
        ],
    ),
    "a program's seconds": (
        seconds,
        [
            r"The best configuration has `threads` `8` and reaches \*\*15.46\*\* in `wall`",
            r"`threads` matters most \(\d+ % of the variance\)\.",
            r"Run `mine-\d+` and `mine-\d+` a few times more.*: `python mine.py --threads=8",
        ],
    ),
}


@pytest.mark.parametrize("name", MADE)
def test_the_opening_states_the_truth_and_nothing_else(name: str):
    make, wanted = MADE[name]
    told = text.answer(make())
    assert len(told) == len(wanted) <= 5
    for line, pattern in zip(told, wanted, strict=True):
        assert re.match(pattern, line), line


@pytest.mark.parametrize("name", MADE)
def test_it_fits_a_laptop_and_a_phone_and_nothing_is_said_twice(browser: Browser, name: str):
    toy = MADE[name][0]()
    with browser.open(render_html(standard_report(), toy), width=1280, height=800) as opened:
        page = opened.page
        drawn = len(toy.finished()) > 1
        assert page.locator(".opening .chart").count() == drawn
        for width, height in ((1280, 800), (390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            opened.settle()
            box = page.locator(".opening").bounding_box()
            assert box["y"] + box["height"] <= height, width
            assert page.evaluate("document.documentElement.scrollWidth") == width
            shown = page.locator(".opening select").evaluate_all("all => all.map(e => e.value)")
            assert shown == ([find(toy).effects[0].setting] if drawn else [])
        said = page.locator("main p:not(.note):not(.caption):not(.axes), main li").all_inner_texts()
        sentences = [s for p in said for s in re.split(r"(?<=[.:]) (?=[A-Z])", p) if len(s) > 25]
        assert [s for s, n in Counter(sentences).items() if n > 1] == []
        assert opened.text("main").count("never learned") <= 1


def test_what_has_nothing_to_show_is_a_line_without_a_heading():
    page = render_html(standard_report(), table([measured(i, 0.7, epochs=i + 1) for i in range(3)]))
    headings = re.findall(r"<h2[^>]*>([^<]*)</h2>", page)
    assert "What went wrong?" not in headings
    assert "#" not in "".join(headings)
    line = re.search(
        r'<div class="nothing"><p><strong>What went wrong\?</strong></p> (.*?)</div>', page
    )
    assert line is not None
    assert "No run failed or diverged, of 3." in line[1]


def test_the_strongest_pair_is_shown_where_the_runs_carry_it():
    pair = strongest_pair(grid(crossed))
    assert pair is not None
    assert {pair.rows, pair.columns} == {"optimizer", "activation"}
    assert pair.together
    cells = {
        (row, column): cell
        for row, line in zip(pair.row_levels, pair.cells, strict=True)
        for column, cell in zip(pair.column_levels, line, strict=True)
    }
    lost = cells.get(("sgd", "tanh")) or cells[("tanh", "sgd")]
    assert lost.mean == pytest.approx(0.5, abs=0.02)
    assert {cell.configurations for cell in cells.values()} == {9}
    added = strongest_pair(grid(ruined, axes=RUINED))
    assert added is not None
    assert not added.together
    assert {added.rows, added.columns} == {"weight_decay", "optimizer"}
    assert strongest_pair(grid(lambda p: 0.7, 0.05)) is None
    few = grid(ruined, axes={"weight_decay": RUINED["weight_decay"], "optimizer": ("sgd", "adam")})
    assert strongest_pair(few) is None


def test_a_number_with_very_many_values_is_a_curve_along_them():
    effect = find(optimum()).effect("learning_rate")
    places = [level.at for level in effect.curve]
    assert places == sorted(places)
    assert 5 <= len(places) <= 8 < len(RATES)
    best = max(effect.curve, key=lambda level: level.mean)
    assert 0.001 < best.at < 0.01
    assert all(level.low <= level.mean <= level.high for level in effect.curve)
    assert sum(level.configurations for level in effect.curve) == 80
    few = find(grid(ruined, axes=RUINED)).effect("num_layers")
    assert few.curve == few.levels
    assert [level.at for level in few.levels] == [1, 2, 3]
    assert find(grid(ruined, axes=RUINED)).effect("optimizer").curve == ()


def test_curves_of_repeated_runs_are_means_with_bands(browser: Browser):
    runs = []
    for epochs in (4, 5):
        for seed in range(3):
            made = run(10 * epochs + seed, 0.5 + seed / 10, seed=seed, epochs=epochs)
            logged = [
                {"epoch": e, "val_accuracy": (60 + e + seed) / 100} for e in range(1, epochs + 1)
            ]
            runs.append(replace(made, history=logged))
    with browser.open(render_html(standard_report(), table(runs))) as opened:
        figure = opened.page.locator("figure:has(.curves)")
        pressed = "[aria-pressed=true]"
        assert figure.locator(pressed).all_inner_texts() == ["Validation accuracy", "Means"] or (
            figure.locator(pressed).all_inner_texts() == ["Means"]
        )
        assert "bands reach from the least to the greatest" in figure.inner_text()
        before = opened.drawn(".curves")
        figure.get_by_role("button", name="Every run").click()
        opened.settle()
        assert opened.drawn(".curves") != before
        assert "bands" not in figure.inner_text()
        assert "The axis begins at 60" in figure.inner_text()
