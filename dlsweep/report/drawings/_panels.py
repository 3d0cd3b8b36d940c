"""LinePanel in panels, as a picture of a Markdown page or as graphics inside an HTML page.

What is drawn is written once: the panels of a picture are shown one by one in HTML, so that they
stand side by side on a wide screen and one below the other on a phone, in the page's own colours.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from markupsafe import Markup, escape

from dlsweep.report.drawings._style import (
    INK,
    RULE,
    SOFT,
    figure,
    finite,
    lean,
    percent,
    plain_ticks,
    styled,
    whole_numbers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable
    from dlsweep.sweep import Row

KINDS = ("#1f5f99", "#d1500c", "#00876a", "#b0589a", "#b98500", "#4aa3d8", "#6b7280")
"""Colours that tell lines apart: the page's ``--kind-0`` to ``--kind-6``."""
_Style = Literal["-", "--", ":", "-."]
_STYLES: tuple[_Style, ...] = ("-", "--", ":", "-.")
MOST_LABELS = len(KINDS) * len(_STYLES)
"""More lines than that cannot be told apart."""
_WIDTH, _HEIGHT = 4.4, 2.7  # inches, of one panel in HTML
_MARKED = 12  # with so many points or fewer, each is marked

Draw = Callable[["Axes"], None]
"""Draws one panel."""


@dataclass(frozen=True, eq=False)
class Line:
    """A line of a panel.

    Attributes:
        label: what the legend calls it; lines of one label look alike in all panels.
        x, y: its points.
        low, high: the ends of a band about it; None for no band.
        dashed: whether it is drawn as a second kind beside another of its colour.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    dashed: bool = False


@dataclass(frozen=True, eq=False)
class LinePanel:
    """A panel of lines.

    Attributes:
        title: above it.
        across: what is along the horizontal axis.
        lines: what is drawn.
        share: whether the values are fractions, shown as percentages.
        log_x, log_y: whether the axes are logarithmic.
        whole: whether only whole numbers are marked along the horizontal axis.
        ticks: places along the horizontal axis that are named, with their names.
        legend: whether it has a legend of its own, for lines that are in no other panel.
    """

    title: str
    across: str
    lines: Sequence[Line]
    share: bool = False
    log_x: bool = False
    log_y: bool = False
    whole: bool = False
    ticks: Mapping[float, str] | None = None
    legend: bool = False

    def draw(self, axes: Axes, styles: Mapping[str, tuple[str, _Style]]) -> None:
        """Draw it with the colour and style of each label."""
        if self.legend:
            styles = styles_of([line.label for line in self.lines])
        for line in self.lines:
            colour, style = styles.get(line.label, (SOFT, "-"))
            x = np.array([finite(v) for v in line.x])
            y = np.array([finite(v) for v in line.y])
            if line.low is not None and line.high is not None:
                low = np.array([finite(v) for v in line.low])
                high = np.array([finite(v) for v in line.high])
                axes.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0)
            marker = "o" if len(x) <= _MARKED else None
            dash = "--" if line.dashed else style
            axes.plot(x, y, dash, color=colour, linewidth=1.5, marker=marker, markersize=3.2)
        if self.log_x:
            axes.set_xscale("log")
            plain_ticks(axes.xaxis)
        if self.log_y:
            axes.set_yscale("log")
            plain_ticks(axes.yaxis)
        if self.ticks is not None:
            axes.set_xticks([*self.ticks], [*self.ticks.values()])
            axes.minorticks_off()
        elif self.whole and not self.log_x:
            whole_numbers(axes)
        if self.share and not self.log_y:
            percent(axes)
        if self.legend and len(styles) > 1:
            from matplotlib.lines import Line2D

            handles = [Line2D([], [], color=c, linestyle=s) for c, s in styles.values()]
            axes.legend(handles, [*styles], frameon=False, fontsize=7)
        axes.set_title(self.title)
        axes.set_xlabel(self.across)
        axes.grid(axis="y", color=RULE, linewidth=0.6)
        axes.set_axisbelow(True)


def mean_line(table: RunsTable, runs: Sequence[Row], metric: str, label: str) -> Line | None:
    """What runs that differ in their seed logged, as their mean and the range of all.

    None where they logged nothing of it.
    """
    found: dict[float, list[float]] = {}
    for run in runs:
        for step, value in _points(table, run, metric):
            if np.isfinite(finite(step)) and np.isfinite(finite(value)):
                found.setdefault(finite(step), []).append(finite(value))
    if not found:
        return None
    x = sorted(found)
    low, high = ([pick(found[step]) for step in x] for pick in (min, max))
    several = any(len(values) > 1 for values in found.values())
    mean = [float(np.mean(found[step])) for step in x]
    return Line(label, x, mean, low if several else None, high if several else None)


def _points(table: RunsTable, run: Row, metric: str) -> list[tuple[Any, Any]]:
    """What a run logged, each value with its epoch or step; of one epoch there may be many."""
    found: list[tuple[Any, Any]] = []
    for step, value in table.steps(run, metric):
        found += map(tuple, value) if isinstance(value, list | tuple) else [(step, value)]
    return found


def styles_of(labels: Sequence[str]) -> dict[str, tuple[str, _Style]]:
    """A colour and a line's style for each label."""
    return {
        label: (KINDS[i % len(KINDS)], _STYLES[i // len(KINDS) % len(_STYLES)])
        for i, label in enumerate(dict.fromkeys(labels))
    }


def labels_of(panels: Sequence[LinePanel]) -> list[str]:
    """The labels of the lines of panels without a legend of their own, each once, in order."""
    shared = [panel for panel in panels if not panel.legend]
    return [*dict.fromkeys(line.label for panel in shared for line in panel.lines if line.label)]


def sheet(panels: Sequence[LinePanel]) -> Any:
    """Panels as one picture, with a legend below where there is more than one label."""
    labels = labels_of(panels)
    styles = styles_of(labels)
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    legend = len(labels) > 1
    with figure(0.3 + 2.5 * rows + 0.2 * legend, rows, columns) as (drawn, grid):
        for axes, panel in zip(grid.flat, panels, strict=False):
            panel.draw(axes, styles)
        for axes in list(grid.flat)[len(panels) :]:
            axes.set_visible(False)
        if legend:
            from matplotlib.lines import Line2D

            handles = [Line2D([], [], color=c, linestyle=s) for c, s in styles.values()]
            drawn.legend(
                handles,
                labels,
                loc="outside lower left",
                ncols=min(4, len(labels)),
                frameon=False,
                fontsize=8,
            )
    return drawn


def inline_panels(page: Page, panels: Sequence[LinePanel], numbers: str = "") -> str:
    """Panels as HTML: graphics side by side where there is room, and a legend above them.

    Args:
        page: the page.
        panels: what is drawn.
        numbers: HTML that a reader may open below.
    """
    labels = labels_of(panels)
    styles = styles_of(labels)
    drawn = [
        inline(lambda axes, panel=panel: panel.draw(axes, styles), panel.title)  # type: ignore[misc]
        for panel in panels
    ]
    legend = [(label, _swatch(*style)) for label, style in styles.items()]
    shown = legend if len(legend) > 1 else []
    return page.render("panels.html", panels=drawn, legend=shown, numbers=numbers)


def _swatch(colour: str, style: str) -> str:
    border = {"-": "solid", "--": "dashed", ":": "dotted"}.get(style, "double")
    return f"border-top: 2px {border} {_themed(colour)}"


def inline(draw: Draw, said: str, width: float = _WIDTH, height: float = _HEIGHT) -> Markup:
    """One panel as graphics inside an HTML page, in the page's colours and letters.

    Args:
        draw: draws on the axes.
        said: what it shows, for those who cannot see it.
        width, height: in inches, at which letters have their size; it fills the page's column.
    """
    with figure(height, width=width) as (drawn, [[axes]]):
        draw(axes)
    stream = io.StringIO()
    with styled():
        drawn.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    svg = lean(stream.getvalue())
    return _for_a_page(svg, said, f"g{hashlib.sha256(svg.encode()).hexdigest()[:10]}-")


def _for_a_page(svg: str, said: str, prefix: str) -> Markup:
    """An SVG file as an element of a page, its names its own and its colours the page's."""
    inner = svg[svg.index("<svg") :]
    inner = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", inner, flags=re.S)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', inner))
    inner = re.sub(
        r' id="([^"]*)"', lambda m: f' id="{prefix}{m[1]}"' if m[1] in used else "", inner
    )
    inner = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}", inner)
    inner = re.sub(r"#[0-9a-fA-F]{6}\b", lambda m: _themed(m[0]), inner)
    inner = re.sub(r"font-family: [^;\"]*", "font-family: var(--sans)", inner)
    inner = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 var(--sans)", inner)
    box = re.search(r'viewBox="[^"]*"', inner)
    start = inner.index(">") + 1
    head = f'<svg {box[0] if box else ""} role="img" aria-label="{escape(said)}"'
    return Markup(f'{head} xmlns:xlink="http://www.w3.org/1999/xlink">{inner[start:]}')


def _themed(colour: str) -> str:
    """A colour of the pictures as the page has it, light or dark."""
    known = {INK: "--ink", SOFT: "--soft", RULE: "--rule"}
    known |= {kind: f"--kind-{i}" for i, kind in enumerate(KINDS)}
    name = known.get(colour.lower())
    return f"var({name}, {colour})" if name else colour
