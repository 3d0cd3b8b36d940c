"""The pictures of a Markdown report, drawn with matplotlib; `save` writes them as SVG."""

from dlsweep.report.drawings._classes import confusion, examples, roc, side_by_side
from dlsweep.report.drawings._runs import curves, parallel, scatter
from dlsweep.report.drawings._settings import importance, marginal
from dlsweep.report.drawings._studies import studies
from dlsweep.report.drawings._style import save

__all__ = [
    "confusion",
    "curves",
    "examples",
    "importance",
    "marginal",
    "parallel",
    "roc",
    "save",
    "scatter",
    "side_by_side",
    "studies",
]
