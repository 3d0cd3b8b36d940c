"""Study S1: which layers, sizes, optimizer, initialisation and activation suit Fashion-MNIST?

``python reports/s1.py`` trains what is missing of the sweep and writes the report's two pages.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import yaml

from dlsweep import RunConfig
from dlsweep.cli import main as dlsweep
from dlsweep.report import (
    Report,
    RunsTable,
    joined,
    read_runs,
    render_html,
    render_markdown,
    text,
)
from dlsweep.report.blocks import (
    AllRuns,
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
    Scatter,
    SideBySide,
    Summary,
    Text,
)
from dlsweep.report.findings import lead
from dlsweep.sweep import load_sweep

HERE = Path(__file__).resolve().parent
SWEEP = HERE.parent / "sweep.yaml"
SEEDS = 5

REPORT = Report(
    "Which network suits Fashion-MNIST?",
    (
        Text(text.answer),
        Summary(),
        Text(text.overview),
        Heading("What does one image of each class look like?", "Data"),
        DataSet(("class_samples",)),
        Heading("How good is every run on the validation images?", "Runs"),
        Scatter(),
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
        Text(text.methods),
    ),
)


def train(sweep: Path, count: int, storage: str) -> RunsTable:
    """Train what is missing of a sweep, and read its runs."""
    code = dlsweep(["sweep", str(sweep), "--count", str(count), "--storage", storage])
    if code:
        sys.exit(code)
    return read_runs(load_sweep(str(sweep)).fingerprint, storage)


def losses(table: RunsTable, path: Path) -> Path:
    """A sweep file for the question of the losses: the best configuration, five seeds each."""
    best = lead(table)
    if best is None:
        sys.exit("error: no run of the sweep has a result")
    defaults, elsewhere = RunConfig().as_dict(), {"wandb_project", "wandb_entity", "device"}
    fixed = {
        name: value
        for name, value in best.config.items()
        if name not in elsewhere and (name in table.parameters or value != defaults[name])
    }
    given = {
        "name": f"{table.title}-losses",
        "method": "grid",
        "metric": table.metric.as_dict(),
        "parameters": {
            **{name: {"value": value} for name, value in fixed.items()},
            "loss": {"values": ["cross_entropy", "mean_squared_error"]},
            "seed": {"values": list(range(SEEDS))},
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(given, sort_keys=False), encoding="utf-8")
    return path


def main() -> None:
    """Train, then write the pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweep", type=Path, default=SWEEP, help="default: sweep.yaml")
    parser.add_argument("--count", type=int, default=120, help="runs of the sweep (default: 120)")
    parser.add_argument("--storage", default="dlsweep.db", help="of the studies")
    parser.add_argument("--folder", type=Path, default=HERE / "s1", help="default: reports/s1")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    sweep = train(arguments.sweep, arguments.count, arguments.storage)
    pairs = train(losses(sweep, folder / "losses.yaml"), 2 * SEEDS, arguments.storage)
    table = joined(sweep, pairs)
    print(f"written: {render_markdown(REPORT, table, folder)}")
    page = folder.with_suffix(".html")
    page.write_text(render_html(REPORT, table), encoding="utf-8")
    print(f"written: {page}")


if __name__ == "__main__":
    main()
