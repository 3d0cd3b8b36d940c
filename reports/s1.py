"""Study S1: which layers, sizes, optimizer, initialisation and activation suit Fashion-MNIST?

``python reports/s1.py`` trains what is missing of the sweep and writes the report's pages.
"""

from __future__ import annotations

from functools import partial

from _s1_claims import claims, unfinished
from _study import ROOT, Part, Study, again, main, published

from dlsweep.report import Report, joined, render_html, text
from dlsweep.report.blocks import (
    AllRuns,
    Answer,
    BestRun,
    Comparison,
    ConfusionMatrices,
    Curves,
    DataSet,
    Effects,
    Examples,
    Failures,
    Heading,
    Importance,
    ParallelCoordinates,
    PerClass,
    SideBySide,
    Text,
)

SEEDS = 5
SWEEP = (
    Text(unfinished),
    Answer(),
    Heading("Does what was published hold?", "Published"),
    Text(claims, listed=True),
    Heading("What does one image of each class look like?", "Data"),
    DataSet(("class_samples",)),
    Heading("How good is every run on the validation images?", "Runs"),
    Curves(),
    Heading("Which settings matter, and by how much?", "Settings"),
    Text(text.what_matters),
    Importance(),
    Effects(),
    Heading("How do the settings go together?", "Together"),
    ParallelCoordinates(),
    Heading("Which runs never learned?", "At chance"),
    Text(text.guessing, listed=True),
    Heading("What do the runs below 65 % have in common?", "Poor runs"),
    Text(partial(text.low, threshold=0.65), listed=True),
    Heading("What do the best runs have in common?", "Good runs"),
    Text(text.high, listed=True),
    Heading("Which configuration is best, and what does it get wrong?", "Best run"),
    Text(text.best_run),
    BestRun(),
    ConfusionMatrices(),
    PerClass(),
    Examples(),
    Heading("Is mean squared error as good as cross-entropy?", "Losses"),
    Comparison("loss", "cross_entropy", "mean_squared_error"),
    Heading("Which three configurations would you try on other data?", "Suggestions"),
    Text(text.suggestions, listed=True),
    Heading("Which runs were there, and did any fail?", "All runs"),
    SideBySide(),
    AllRuns(),
    Failures(),
    Heading("How were these numbers made?", "Methods"),
    Text(text.overview),
    Text(text.methods),
)
STUDY = Study(
    "s1",
    "Which network suits Fashion-MNIST?",
    """
Networks drawn at random out of a grid of 11,664. The published study trained 448 of it; its best
had 71 % of the validation images right: tanh, four layers of 128, Adam at 0.001, batches of 64, ten
epochs. The sections on mistakes show why it was no more.
""",
    (
        Part("sweep", SWEEP, beside=("losses",)),
        Part(
            "mistakes",
            (
                Heading("Why was it 71 %?"),
                Text("`reports/mistakes/full_batch.py` makes each mistake of the published code."),
                published("s1", "mistakes"),
            ),
        ),
        Part("decay", (Heading("And the weight decay?"), published("s1", "decay"))),
    ),
    {
        "sweep": ROOT / "sweep.yaml",
        "losses": lambda tables: again(
            tables["sweep"],
            "fashion-mnist-losses",
            loss=["cross_entropy", "mean_squared_error"],
            seed=list(range(SEEDS)),
        ),
    },
)

if __name__ == "__main__":
    tables = main(STUDY)
    page = ROOT / "reports" / "s1.html"
    report = Report(STUDY.title, SWEEP)
    page.write_text(render_html(report, joined(tables["sweep"], tables["losses"])), "utf-8")
