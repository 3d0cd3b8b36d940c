"""What a sweep ends with in a terminal: its runs, the best one, and what to type next."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dlsweep.cli._show import console, results_beside, runs_table
from dlsweep.config import command_line

if TYPE_CHECKING:
    from dlsweep.sweep import StudyTable

_PLAIN: dict[str, Any] = {"highlight": False, "markup": False, "soft_wrap": True}


def show_results(table: StudyTable, place: str, hints: Sequence[tuple[Sequence[str], str]]) -> None:
    """Print the ranked runs, the best configuration, where everything is, and what to type next.

    Args:
        table: the runs.
        place: where they are, in a line.
        hints: commands in words, with what each does.
    """
    out = console()
    out.print()
    out.print(runs_table(table, most=20))
    stopped = [row for row in table.rows if row.status == "stopped" and "epochs" in row.config]
    if stopped:
        epochs = sum(int(row.config["epochs"]) for row in stopped)
        saved = epochs - sum(len(row.history) for row in stopped)
        rule = table.sweep.early_terminate if table.sweep is not None else None
        by = "early_terminate" if rule else "W&B"
        out.print(f"\n{by} stopped {len(stopped)} runs and saved {saved:,} epochs")
    best = table.best()
    if best is None or best.value is None:
        out.print("no run has a result")
    else:
        metric = table.metric.name
        kept = {n: v for n in results_beside(metric) if (v := best.summary.get(n)) is not None}
        shown = " and ".join(f"{name} {value:.4f}" for name, value in kept.items())
        of = f"; {shown} of its best epoch, {best.summary.get('best_epoch')}" if shown else ""
        out.print(
            f"\nbest: {best.name}  {metric} {best.value:.4f}{of}\n"
            f"      python train.py {command_line(best.config)}",
            **_PLAIN,
        )
    out.print(f"\n{place}", **_PLAIN)
    lines = [(shlex.join(words), why) for words, why in hints]
    width = max((len(words) for words, _ in lines), default=0)
    for start, (words, why) in zip(("next:", *["     "] * len(lines)), lines, strict=False):
        out.print(f"{start} {words:{width}}  {why}", **_PLAIN)


def all_failed(table: StudyTable) -> int:
    """1, with a line, where there is nothing but failures; else 0."""
    reasons = [row.reason for row in table.rows if row.status == "failed"]
    if not reasons or len(reasons) < len(table.rows):
        return 0
    which = "the only run" if len(reasons) == 1 else f"all {len(reasons)} runs"
    others = "; others for other reasons" if len(set(reasons)) > 1 else ""
    print(f"error: {which} failed: {max(reasons, key=reasons.count)}{others}", file=sys.stderr)
    return 1
