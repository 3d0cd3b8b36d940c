"""The HTML report as a reader meets it: opened in a browser, looked at, clicked and brushed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dlsweep.config import command_line
from dlsweep.report import Report, RunsTable, render_html, standard_report
from dlsweep.report.blocks import BestRun, Comparison, Curves, ParallelCoordinates, Text
from dlsweep.report.findings import lead
from dlsweep.report.text import suggestions
from dlsweep.sweep import Row
from tests.report.browser import PIXELS, Browser, Opened
from tests.report.tables import diverged_run, failed_run, made_up_run, made_up_table, table_of
from tests.report.test_blocks import EXAMPLES, HOSTILE, TABLES

REPORT = Report("Everything", tuple(EXAMPLES.values()))
RUNS = 40
FIGURES = (".curves", ".scatter", ".parallel")


@pytest.fixture(scope="module")
def table() -> RunsTable:
    return made_up_table(RUNS)


@pytest.fixture(scope="module")
def html(browser: Browser, table: RunsTable) -> str:
    return render_html(REPORT, table)


def selected(opened: Opened) -> int:
    """How many runs the page says are selected."""
    found = re.match(r"(\d+) of (\d+) runs", opened.text("#selected-count"))
    assert found is not None
    assert int(found[2]) == RUNS
    return int(found[1])


def every_cell(opened: Opened, place: int) -> list[str]:
    """A column of the table of all runs, read as a reader does: screen after screen."""
    window = opened.page.locator(".rows")
    row = opened.page.locator(".all_runs tbody tr:not(.spacer)")
    found: dict[str, str] = {}
    for top in range(0, window.evaluate("e => e.scrollHeight"), 300):
        window.evaluate(f"e => {{ e.scrollTop = {top}; }}")
        opened.page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        cells = row.evaluate_all(
            "(rows, at) => rows.map(r => [r.ariaRowIndex, r.children[at].innerText])", place
        )
        found.update({index: text.strip() for index, text in cells})
    window.evaluate("e => { e.scrollTop = 0; }")
    return [found[index] for index in sorted(found, key=int)]


def brush(opened: Opened, axis: int, start: float, end: float) -> None:
    """Drag along an axis of the parallel coordinates, between two shares of its height."""
    box = opened.page.locator(".widget.parallel .chart").bounding_box()
    axes = 5  # intervals between the five settings and the metric, as charts lay them out
    x = box["x"] + 46 + axis * (box["width"] - 46 - 56) / axes
    top, height = box["y"] + 60, box["height"] - 60 - 26
    mouse = opened.page.mouse
    mouse.move(x, top + start * height)
    mouse.down()
    mouse.move(x, top + (start + end) / 2 * height, steps=4)
    mouse.move(x, top + end * height, steps=4)
    mouse.up()
    opened.settle()


@pytest.mark.parametrize("name", TABLES)
def test_any_table_opens_without_an_error_or_a_request(browser: Browser, name: str):
    with browser.open(render_html(REPORT, TABLES[name])) as opened:
        assert opened.page.locator("h1").count() == 1
        for inked, _ in opened.drawn():
            assert inked > 100


def test_every_plot_has_drawn(browser: Browser, html: str):
    with browser.open(html) as opened:
        for kind in ("curves", "scatter", "parallel", "roc", "comparison", "side_by_side"):
            assert opened.page.locator(f".widget.{kind} .chart canvas").count() >= 1, kind
        drawn = opened.drawn()
        scatters, curves = 2, 1  # the opening has a scatter too
        losses = 2  # an axis for each
        assert len(drawn) == scatters + curves + 1 + 1 + 2 * (1 + losses)
        for inked, _ in drawn:
            assert inked > 2000
        assert len({hashed for _, hashed in drawn}) > 4


def test_brushing_selects_everywhere(browser: Browser, html: str, table: RunsTable):
    with browser.open(html) as opened:
        opened.page.locator(".widget.parallel").scroll_into_view_if_needed()
        before = opened.drawn(*FIGURES)
        brush(opened, 5, 0.0, 0.35)  # the last axis is the metric: its upper third
        values = sorted((run.value or 0 for run in table.runs), reverse=True)
        count = selected(opened)
        assert 0 < count < RUNS
        best = [f"{100 * value:.1f}\u202f%" for value in values[:count]]
        assert every_cell(opened, 2) == best
        assert opened.text(".all_runs .count") == f"{count} of {RUNS} runs"
        after = opened.drawn(*FIGURES)
        assert [a != b for a, b in zip(before, after, strict=True)] == [True] * 4
        opened.page.get_by_role("button", name="Show all").click()
        opened.settle()
        assert opened.text(".all_runs .count") == f"{RUNS} runs"


def test_a_brush_takes_categories_as_a_whole(browser: Browser, html: str, table: RunsTable):
    # Settings stand by importance; this report names them in its headings.
    with browser.open(html) as opened:
        options = opened.page.locator(".widget.parallel").get_attribute("data-options")
        order = re.findall(r'"(\w+)"', options.split("[")[1])
        place = order.index("learning_rate")
        opened.page.locator(".widget.parallel").scroll_into_view_if_needed()
        brush(opened, place, 0.2, 0.3)  # touches the upper one of two values
        wanted = sum(run.config["learning_rate"] == 0.001 for run in table.runs)
        assert selected(opened) == wanted


def test_values_can_be_selected_with_the_keyboard(browser: Browser, html: str, table: RunsTable):
    with browser.open(html) as opened:
        opened.page.locator(".filters summary").focus()
        opened.page.keyboard.press("Enter")
        button = opened.page.locator(".filters button", has_text=re.compile("^tanh$"))
        button.focus()
        opened.page.keyboard.press("Enter")
        opened.settle()
        assert selected(opened) == sum(run.config["activation"] == "tanh" for run in table.runs)
        assert button.get_attribute("aria-pressed") == "true"
        button.click()
        opened.settle()
        assert opened.page.locator("#selected-count").count() == 0


def test_the_table_sorts_by_mouse_and_keyboard(browser: Browser, html: str, table: RunsTable):
    names = sorted(
        (run.name for run in table.runs), key=lambda n: (n.rsplit("-", 1)[0], int(n.split("-")[-1]))
    )
    with browser.open(html) as opened:
        heading = opened.page.locator(".all_runs thead button", has_text=re.compile("^Run$"))
        heading.click()
        assert every_cell(opened, 1) == names
        cell = heading.locator("xpath=..")
        assert cell.get_attribute("aria-sort") == "ascending"
        heading.focus()
        opened.page.keyboard.press("Enter")
        assert every_cell(opened, 1) == names[::-1]
        assert cell.get_attribute("aria-sort") == "descending"


def test_the_table_searches(browser: Browser, html: str, table: RunsTable):
    wanted = {
        run.name
        for run in table.runs
        if run.config["optimizer"] == "sgd" and run.config["num_layers"] == 3
    }
    assert 0 < len(wanted) < RUNS
    with browser.open(html) as opened:
        opened.page.get_by_label("Search the runs").fill("optimizer=sgd NUM_layers=3")
        assert set(opened.column(1)) == wanted
        assert opened.text(".all_runs .count") == f"{len(wanted)} of {RUNS} runs"
        opened.page.get_by_label("Search the runs").fill("no such run")
        assert opened.column(1) == []


SEARCHES: dict[str, Callable[[Row], bool]] = {
    "learning_rate < 0.001": lambda run: run.config["learning_rate"] < 0.001,
    "learning rate<=1e-3 tanh": lambda run: run.config["activation"] == "tanh",
    "num_layers>=3 optimizer!=sgd": lambda run: (
        run.config["num_layers"] >= 3 and run.config["optimizer"] != "sgd"
    ),
    "val_accuracy>80%": lambda run: (run.value or 0) > 0.8,
    "Accuracy > 0.8 optimizer=ada": lambda run: False,  # two columns may be meant
    "final validation accuracy": lambda run: False,  # words that no run has
    "layers=1 finished": lambda run: run.config["num_layers"] == 1,
    "optimizer=ada": lambda run: run.config["optimizer"] == "adam",
    '"mean_squared_error" relu': lambda run: (
        run.config["loss"] == "mean_squared_error" and run.config["activation"] == "relu"
    ),
}


def test_the_table_understands_conditions(browser: Browser, html: str, table: RunsTable):
    with browser.open(html) as opened:
        for asked, wanted in SEARCHES.items():
            opened.page.get_by_label("Search the runs").fill(asked)
            names = sorted(run.name for run in table.runs if wanted(run))
            assert sorted(every_cell(opened, 1)) == names, asked
        opened.page.get_by_label("Search the runs").fill("momentun>0.5")
        assert opened.text(".all_runs .count").endswith("no column is called momentun")


@pytest.mark.parametrize("width", [390, 1280])
def test_name_and_metric_stay_in_view(browser: Browser, width: int):
    runs = [
        replace(r, config={**r.config, "seed": i}) for i, r in enumerate(made_up_table(60).runs)
    ]
    table = table_of(*runs)
    with browser.open(render_html(standard_report(), table), width=width, height=900) as opened:
        window = opened.page.locator(".rows")
        assert {"Seed", "Loss"} <= set(opened.page.locator(".rows thead th").all_inner_texts())
        window.scroll_into_view_if_needed()
        window.evaluate("e => { e.scrollLeft = e.scrollWidth; e.scrollTop = 900; }")
        opened.settle()
        row = opened.page.locator(".rows tbody tr:not(.spacer)").nth(12)
        box = window.bounding_box()
        for cell in (row.locator(".first"), row.locator(".second"), window.locator("thead .first")):
            found = cell.bounding_box()
            assert box["x"] - 1 <= found["x"]
            assert found["x"] + found["width"] <= box["x"] + box["width"] + 1
        head = window.locator("thead th").first.bounding_box()
        assert abs(head["y"] - box["y"]) <= 2


def test_ten_thousand_runs_are_drawn_on_demand(browser: Browser):
    one = made_up_run(1)
    runs = [
        replace(
            one,
            number=i,
            run_id=f"id{i}",
            name=f"run-{i}",
            config={**one.config, "learning_rate": 1e-4 * 1.0005**i},
            value=(i % 997) / 1000,
            summary={},
        )
        for i in range(10_000)
    ]
    with browser.open(render_html(standard_report(), table_of(*runs))) as opened:
        assert opened.page.locator(".widget.parallel .chart").count() == 0
        opened.page.locator(".widget.all_runs").scroll_into_view_if_needed()
        opened.page.wait_for_selector(".all_runs tbody tr")
        assert opened.text(".all_runs .count") == "10,000 runs"
        opened.page.get_by_label("Search the runs").fill("final_validation_accuracy>=99.6%")
        assert opened.text(".all_runs .count") == "10 of 10,000 runs"
        opened.page.get_by_label("Search the runs").fill("")
        opened.page.locator(".rows").evaluate("e => { e.scrollTop = e.scrollHeight; }")
        opened.settle()
        assert opened.column(2)[-2].startswith("0.0")
        assert opened.page.evaluate("document.querySelectorAll('*').length") < 4000
        opened.page.locator(".widget.curves").scroll_into_view_if_needed()
        opened.page.wait_for_selector(".widget.curves .chart")
        assert "Drawn are 1,00" in opened.text("figure:has(.curves)")


def test_a_run_is_highlighted_and_compared(browser: Browser, html: str):
    with browser.open(html) as opened:
        third = opened.column(1)[2]
        before = opened.drawn(*FIGURES)
        opened.page.locator(".all_runs tbody tr").nth(2).locator("td").nth(3).click()
        opened.settle()
        assert third in opened.text(".chosen-bar")
        after = opened.drawn(*FIGURES)
        assert [a != b for a, b in zip(before, after, strict=True)] == [True] * 4
        assert opened.text(".all_runs tr.focus th") == third
        opened.page.locator(".chosen-bar").get_by_role("button", name="Compare").click()
        opened.settle()
        heads = opened.page.locator(".side_by_side .versus thead th").all_inner_texts()
        assert heads[-1] == third
        assert len(heads) == 3
        assert opened.page.locator(".side_by_side .matrix").count() == 3
        opened.page.keyboard.press("Escape")
        opened.settle()
        assert not opened.page.locator(".chosen-bar").is_visible()


def test_the_built_in_comparison_is_of_equal_runs(browser: Browser, html: str):
    with browser.open(html) as opened:
        compared = opened.page.locator(".widget.comparison")
        rows = compared.locator(".versus tbody tr").all_inner_texts()
        differ = rows[[row.startswith("Settings that differ") for row in rows].index(True) + 1 :]
        assert [row.split("\t") for row in differ] == [
            ["loss", "cross_entropy", "mean_squared_error"]
        ]
        assert compared.locator(".matrix").count() == 2
        # Their losses have different scales: each has a chart of its own.
        captions = compared.locator(".caption").all_inner_texts()[
            : compared.locator(".chart").count()
        ]
        assert captions == [
            "validation accuracy",
            "validation loss, cross entropy",
            "validation loss, mean squared error",
        ]
        assert not any(row.startswith("test loss") for row in rows)


def test_names_reasons_and_settings_are_text(browser: Browser):
    html = render_html(replace(REPORT, title=HOSTILE), TABLES["hostile"])
    with browser.open(html) as opened:
        page = opened.page
        assert page.locator("h1").inner_text() == HOSTILE
        assert HOSTILE in opened.column(1)
        assert HOSTILE in opened.text("table.plain")
        assert page.locator("script").count() == 3
        assert page.locator("a[href^=javascript]").count() == 0
        page.locator(".all_runs tbody tr").first.locator("td").nth(2).click()
        opened.settle()
        assert HOSTILE in opened.text(".chosen-bar")


def test_the_policy_stops_what_is_not_the_pages_own(browser: Browser):
    html = render_html(REPORT, made_up_table(3))
    inserted = html.replace("<noscript>", "<script>window.foreign = true</script><noscript>")
    assert inserted != html
    with browser.open(inserted) as opened:
        assert opened.page.evaluate("window.foreign") is None
        assert len(opened.complaints) == 1
        assert "Content Security Policy" in opened.complaints.pop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_has_no_sideways_scroll(browser: Browser, scheme: str):
    long = "x" * 300
    runs = (
        replace(made_up_run(1), name=long, config={**made_up_run(1).config, "optimizer": long}),
        replace(failed_run(2, long), name=long),
        *made_up_table(20).runs,
    )
    table = table_of(*runs, title=long, source=long, notices=(long,))
    with browser.open(
        render_html(REPORT, table), width=360, height=740, color_scheme=scheme, has_touch=True
    ) as opened:
        for details in opened.page.locator("details").all():
            details.evaluate("element => { element.open = true }")
        opened.settle()
        assert opened.page.evaluate("document.documentElement.scrollWidth") == 360
        for inked, _ in opened.drawn():
            assert inked > 500


BARS = """all => all.map(one =>
    getComputedStyle(one).overflowY !== 'hidden' && one.scrollHeight > one.clientHeight)"""
"""Which elements have a bar to be moved up and down by; Playwright itself hides them."""


@pytest.mark.parametrize("runs", [12, RUNS])
def test_what_scrolls_sideways_does_not_scroll_up_and_down(browser: Browser, runs: int):
    with browser.open(render_html(REPORT, made_up_table(runs))) as opened:
        regions = opened.page.locator(".scroll")
        assert regions.count() > 2
        assert not any(regions.evaluate_all(BARS))


MIDDLES = """tracks => tracks.map(track => {
    const middle = element => {
        const box = element.getBoundingClientRect();
        return box.top + box.height / 2;
    };
    return middle(track.querySelector('.dot')) - middle(track.closest('tr').querySelector('th'));
})"""
"""How far dots are below the middle of their labels, in pixels."""


def test_dots_stand_beside_their_labels(browser: Browser, html: str):
    with browser.open(html) as opened:
        found = opened.page.eval_on_selector_all("tr .track:has(.dot)", MIDDLES)
        assert len(found) > 10
        assert all(abs(pixels) < 1.5 for pixels in found)


LINES = "spans => spans.map(span => span.getClientRects().length)"


@pytest.mark.parametrize("width", [390, 1200])
def test_commands_are_broken_between_words_only(browser: Browser, width: int):
    table = made_up_table(24)
    table = table_of(*(run for run in table.runs if run.config["loss"] == "cross_entropy"))
    report = Report("", (Comparison(), BestRun(), Text(suggestions)))
    with browser.open(render_html(report, table), width=width) as opened:
        found = opened.page.eval_on_selector_all(".whole", LINES)
        assert len(found) > 10
        assert set(found) == {1}
        best = lead(table)
        assert best is not None
        [*_, command] = opened.page.locator(".command pre").all_text_contents()
        assert command == f"dlsweep train {command_line(best.config)}"


def test_a_dozen_runs_fit_the_page(browser: Browser):
    with browser.open(render_html(REPORT, made_up_table(12)), width=1200) as opened:
        wide = "e => e.closest('.rows').scrollWidth - e.closest('.rows').clientWidth"
        assert opened.page.locator(".all_runs table").evaluate(wide) <= 0


def test_runs_of_one_epoch_are_dots(browser: Browser):
    table = table_of(*(made_up_run(number, epochs=1) for number in range(3)))
    with browser.open(render_html(REPORT, table)) as opened:
        assert "A dot is a run" in opened.page.locator("figure:has(.curves)").inner_text()
        for inked, _ in opened.drawn(".curves"):
            assert inked > 300


@pytest.mark.parametrize(
    ("metric", "runs", "cut"),
    [
        ("val_accuracy", 4, False),
        ("val_accuracy", 50, False),
        ("val_loss", 4, False),
        ("val_loss", 50, True),
    ],
)
def test_an_axis_ends_before_few_of_many_losses_only(
    browser: Browser, metric: str, runs: int, cut: bool
):
    def scaled(run: Row, factor: float) -> Row:
        config = {**run.config, "loss": "cross_entropy"}
        return replace(run, config=config, history=[{"epoch": 1, metric: factor}])

    first, *others = made_up_table(runs).runs
    table = table_of(scaled(first, 0.9), *(scaled(run, 0.1) for run in others))
    with browser.open(render_html(Report("", (Curves((metric,)),)), table)) as opened:
        found = re.search(r"The axis ends at ([\d.]+); the highest", opened.text(".curves"))
        assert bool(found) is cut
        if found:
            assert 0.1 < float(found[1]) < 0.9


def test_numbers_are_written_as_people_do(browser: Browser):
    rates = (1e22, 0.00005, 2.5e-9)
    runs = [
        replace(run, config={**run.config, "learning_rate": rate})
        for run, rate in zip(made_up_table(3).runs, rates, strict=True)
    ]
    with browser.open(render_html(REPORT, table_of(*runs))) as opened:
        shown = opened.page.locator(".all_runs tbody").inner_text()
        assert all(text in shown for text in ("10²²", "0.00005", "2.5 × 10⁻⁹"))


CONTRAST = """elements => elements.map(element => {
    const channels = colour => {
        const found = colour.match(/[\\d.]+/g).map(Number);
        return colour.startsWith('color(') ? found : found.map(value => value / 255);
    };
    const light = colour => {
        const linear = v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
        const [r, g, b] = channels(colour).map(linear);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const style = getComputedStyle(element);
    const pair = [light(style.color), light(style.backgroundColor)].sort((a, b) => b - a);
    return (pair[0] + 0.05) / (pair[1] + 0.05);
})"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_matrices_are_readable(browser: Browser, html: str, scheme: str):
    with browser.open(html, color_scheme=scheme) as opened:
        cells = ".widget.confusion td.hit, .widget.confusion td.miss"
        found = opened.page.eval_on_selector_all(cells, CONTRAST)
        assert len(found) > 30
        # 4.5 is what WCAG 2.1 asks of text (level AA).
        assert min(found) >= 4.5


def test_dark_and_light(browser: Browser, html: str):
    background = "getComputedStyle(document.body).backgroundColor"
    with browser.open(html, color_scheme="dark") as opened:
        before, dark = opened.drawn(), opened.page.evaluate(background)
        opened.page.locator("#toggle-theme").click()
        assert opened.page.evaluate(background) == "rgb(255, 255, 255)" != dark
        after = opened.drawn()
        assert all(a != b for a, b in zip(before, after, strict=True))


def test_it_prints(browser: Browser, table: RunsTable):
    html = render_html(standard_report(), table)
    with browser.open(html, color_scheme="dark") as opened:
        paper = opened.page.pdf(format="A4")
        assert paper.startswith(b"%PDF-")
        pages = len(re.findall(rb"/Type\s*/Page\b", paper))
        assert 4 <= pages <= 20
        assert paper.count(b"/Subtype /Image") >= len(opened.drawn())
        assert opened.page.evaluate("document.documentElement.dataset.theme") is None
        assert opened.page.locator(".paper").count() == 0
        opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        charts = opened.page.locator(".chart:has(> .paper)").all()
        assert len(charts) == len(opened.drawn())
        for chart in charts:
            inked, _ = chart.evaluate(PIXELS, ".paper")
            assert inked > 2000


def test_a_thousand_runs_stay_few_elements(browser: Browser):
    runs = [*made_up_table(980).runs, *map(failed_run, range(980, 990))]
    table = table_of(*runs, *map(diverged_run, range(990, 1000)))
    html = render_html(standard_report(), table)
    assert len(html) < 3_000_000
    with browser.open(html) as opened:
        assert opened.text(".all_runs .count") == "1,000 runs"
        assert len(opened.column(1)) < 60
        assert opened.page.evaluate("document.querySelectorAll('*').length") < 4000
        opened.page.locator(".widget.parallel").scroll_into_view_if_needed()
        brush(opened, 5, 0.0, 0.2)
        found = re.match(r"([\d,]+) of 1,000 runs", opened.text("#selected-count"))
        assert found is not None
        assert 0 < int(found[1].replace(",", "")) < 980


def test_a_report_of_one_block(browser: Browser):
    with browser.open(render_html(Report("", (ParallelCoordinates(),)), made_up_table(9))) as one:
        assert one.text("h1") == "digits"
        assert len(one.drawn()) == 1


@pytest.mark.usefixtures("five_hours_west")
def test_it_says_when_from_what_and_with_what():
    table = made_up_table(3, notices=("one run could not be read",))
    html = render_html(REPORT, table)
    said: Any = re.search(r"<footer>(.*?)</footer>", html, re.DOTALL)
    assert '<time datetime="2026-01-02T22:04:00-05:00">2 January 2026, 22:04</time>' in html
    for part in ("2026-01-02 22:04", table.source, "torch 2", "one run could not be read"):
        assert part in said[1]
