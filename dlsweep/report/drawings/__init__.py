"""The pictures of a Markdown report, drawn with matplotlib; `save` writes them as SVG."""

from dlsweep.report.drawings._classes import confusion, examples, roc, side_by_side
from dlsweep.report.drawings._confusion_grid import confusion_grid
from dlsweep.report.drawings._front import draw_front
from dlsweep.report.drawings._panels import (
    Line,
    LinePanel,
    inline,
    inline_panels,
    mean_line,
    sheet,
)
from dlsweep.report.drawings._runs import curves, parallel, scatter
from dlsweep.report.drawings._settings import importance, marginal
from dlsweep.report.drawings._studies import studies
from dlsweep.report.drawings._style import figure, save

__all__ = [
    "Line",
    "LinePanel",
    "confusion",
    "confusion_grid",
    "curves",
    "draw_front",
    "examples",
    "figure",
    "importance",
    "inline",
    "inline_panels",
    "marginal",
    "mean_line",
    "parallel",
    "roc",
    "save",
    "scatter",
    "sheet",
    "side_by_side",
    "studies",
]
