"""What a sweep ends with in a terminal: its runs, the best one, and what to type next."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dlsweep.cli._show import console, failed_outputs, results_beside, runs_table, value_text
from dlsweep.config import command_line

if TYPE_CHECKING:
    from dlsweep.sweep import Row, StudyTable

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
    stopped = [row for row in table.rows if row.status == "stopped"]
    if stopped and table.of_program:
        out.print(f"\n{len(stopped)} runs were stopped before they had ended")
    elif stopped := [row for row in stopped if "epochs" in row.config]:
        epochs = sum(int(row.config["epochs"]) for row in stopped)
        saved = epochs - sum(len(row.history) for row in stopped)
        rule = table.sweep.early_terminate if table.sweep is not None else None
        by = "early_terminate" if rule else "W&B"
        out.print(f"\n{by} stopped {len(stopped)} runs and saved {saved:,} epochs")
    program = table.of_program
    best = table.best
    if best is None or best.value is None:
        out.print("no run has a result" if table.metric.name else "the sweep has no metric")
    else:
        metric = table.metric.name
        beside = () if program else results_beside(metric)
        kept = {n: v for n in beside if (v := best.summary.get(n)) is not None}
        shown = " and ".join(f"{name} {value:.4f}" for name, value in kept.items())
        of = f"; {shown} of its best epoch, {best.summary.get('best_epoch')}" if shown else ""
        out.print(
            f"\nbest: {best.name}  {metric} {value_text(best.value)}{of}\n"
            f"      {_command(table, best)}",
            **_PLAIN,
        )
    if outputs := failed_outputs(table):
        out.print(f"\n{outputs}", **_PLAIN)
    out.print(f"\n{place}", **_PLAIN)
    lines = [(shlex.join(words), why) for words, why in hints]
    width = max((len(words) for words, _ in lines), default=0)
    for start, (words, why) in zip(("next:", *["     "] * len(lines)), lines, strict=False):
        out.print(f"{start} {words:{width}}  {why}", **_PLAIN)


def _command(table: StudyTable, row: Row) -> str:
    """The command that repeats a run."""
    if table.sweep is not None:
        return table.sweep.command_line(row.config)
    return f"python train.py {command_line(row.config)}"


def all_failed(table: StudyTable) -> int:
    """1, with a line, where there is nothing but failures; else 0."""
    reasons = [row.reason for row in table.rows if row.status == "failed"]
    if not reasons or len(reasons) < len(table.rows):
        return 0
    which = "the only run" if len(reasons) == 1 else f"all {len(reasons)} runs"
    others = "; others for other reasons" if len(set(reasons)) > 1 else ""
    print(f"error: {which} failed: {max(reasons, key=reasons.count)}{others}", file=sys.stderr)
    return 1
