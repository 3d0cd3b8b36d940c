"""What all pictures share: colours, letters, axes without boxes, and how they become files."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

INK, SOFT, RULE, FAINT = "#15181e", "#5c6370", "#e3e6ea", "#f5f6f8"
DATA, ACCENT, BAD = "#2a6496", "#d1440c", "#b3261e"
RAMP = ("#d8cfc0", "#a9bcc4", "#5f9bbd", "#25689a", "#0b2f5b")
WIDTH = 8.4  # inches: the width of the code host's column
DECADES = 30
"""So many times the least must the greatest be for a logarithmic axis, as on the page."""
MANY = 400
"""With more runs than this, lines and points are drawn as pixels inside the picture."""

_SETTINGS: Any = {
    "axes.edgecolor": SOFT,
    "axes.grid": False,
    "axes.labelcolor": SOFT,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "figure.facecolor": "white",
    "font.family": ["sans-serif"],
    "font.size": 9,
    "savefig.facecolor": "white",
    "svg.fonttype": "none",  # letters stay letters: small files, and a search finds them
    "svg.hashsalt": "dlsweep",
    "text.color": INK,
    "text.parse_math": False,  # a name with dollars in it is a name
    "xtick.color": SOFT,
    "xtick.labelsize": 8,
    "ytick.color": SOFT,
    "ytick.labelsize": 8,
}


def styled() -> Any:
    """The context in which a figure is made and written."""
    import matplotlib as mpl

    return mpl.rc_context(_SETTINGS)


@contextmanager
def figure(
    height: float, rows: int = 1, columns: int = 1, width: float = WIDTH, **more: Any
) -> Iterator[Any]:
    """A figure, by default of the report's width, closed by nobody: it belongs to no window.

    Yields:
        The figure and its axes, an array of (rows, columns).
    """
    from matplotlib.figure import Figure

    with styled():
        drawn = Figure(figsize=(width, height), layout="constrained")
        yield drawn, drawn.subplots(rows, columns, squeeze=False, **more)


def save(drawn: Figure, folder: Path, name: str, alt: str) -> str:
    """Write a figure as SVG, the same bytes every time.

    Returns:
        The Markdown that shows it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.svg"
    with styled():
        stream = io.StringIO()
        drawn.savefig(stream, format="svg", metadata={"Date": None, "Creator": "dlsweep"}, dpi=110)
    path.write_text(lean(stream.getvalue()), encoding="utf-8")
    said = re.sub(r"[\[\]()`<>\n]", " ", alt)
    return f"![{said}]({path.name})\n"


def lean(svg: str) -> str:
    """Without the decimals that no screen shows, in attributes: a third of the size."""

    def rounded(attribute: re.Match[str]) -> str:
        return re.sub(r"(\d+\.\d\d)\d+", r"\1", attribute.group())

    svg = re.sub(r'="[^"]*"', rounded, svg)
    svg = re.sub(r"font-family: [^;\"]*sans-serif", "font-family: 'DejaVu Sans', sans-serif", svg)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def ramp(first: str = RAMP[0]) -> Any:
    """From pale to dark: from bad to good, or from nothing to all."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("dlsweep", (first, *RAMP[1:]))


def percent(axes: Axes, axis: str = "y") -> None:
    """Fractions as percentages along an axis."""
    from matplotlib.ticker import PercentFormatter

    which = axes.yaxis if axis == "y" else axes.xaxis
    which.set_major_formatter(PercentFormatter(1.0, decimals=None))


def plain_ticks(axis: Axis) -> None:
    """Numbers such as 0.001 along a logarithmic axis; between powers of ten only on a short one."""
    from matplotlib.ticker import FuncFormatter

    def between(value: float, _: object) -> str:
        low, high = axis.get_view_interval()
        return f"{value:g}" if high < 10 * low else ""

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(FuncFormatter(between))


def whole_numbers(axes: Axes) -> None:
    """Ticks along x at whole numbers only; where there is but one, at that."""
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)  # type: ignore[call-arg]


def finite(value: Any) -> float:
    """A number; NaN for what is none, so that nothing is drawn there."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    return float(value) if math.isfinite(value) else math.nan
