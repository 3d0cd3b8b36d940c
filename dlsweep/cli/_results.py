"""What a sweep ends with in a terminal: its runs, the best one, and what to type next."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dlsweep.cli._confirmation import confirmation_lines, savings_line
from dlsweep.cli._front import front_lines
from dlsweep.cli._show import failed_outputs, print_runs
from dlsweep.cli._table import results_beside, value_text
from dlsweep.config import command_line

if TYPE_CHECKING:
    from dlsweep.sweep import Row, StudyTable

_MOST_SHOWN = 20


def show_results(
    table: StudyTable, place: str, hints: Sequence[tuple[Sequence[str], str]], took: str = ""
) -> None:
    """Print the ranked runs, the best configuration, where everything is, and what to type next.

    Args:
        table: the runs.
        place: where they are, in a line.
        hints: commands in words, with what each does.
        took: how long it took, in a line.
    """
    print()
    print_runs(table, most=_MOST_SHOWN)
    stopped = [row for row in table.rows if row.status == "stopped"]
    if stopped and table.of_program:
        print(f"\n{len(stopped)} runs were stopped before they had ended")
    elif stopped := [row for row in stopped if "epochs" in row.config]:
        epochs = sum(int(row.config["epochs"]) for row in stopped)
        saved = epochs - sum(len(row.history) for row in stopped)
        rule = table.sweep.early_terminate if table.sweep is not None else None
        by = "early_terminate" if rule else "W&B"
        print(f"\n{by} stopped {len(stopped)} runs and saved {saved:,} epochs")
    program = table.of_program
    best = table.best
    if best is None or best.value is None:
        print("no run has a result" if table.metric.name else "the sweep has no metric")
    else:
        metric = table.metric.name
        beside = () if program else results_beside(metric)
        kept = {n: v for n in beside if (v := best.summary.get(n)) is not None}
        shown = " and ".join(f"{name} {value:.4f}" for name, value in kept.items())
        of = f"; {shown} of its best epoch, {best.summary.get('best_epoch')}" if shown else ""
        own = next((p for p in table.points() if best in p.rows), None)
        value = value_text(best.value)
        if own is not None and len(own.rows) > 1 and own.value is not None:
            seeds = ", ".join(value_text(v) for v in own.values)
            value, of = f"{value_text(own.value)} on average over its seeds ({seeds})", ""
        print(f"\nbest: {best.name}  {metric} {value}{of}")
        print(f"      {_command(table, best)}")
    if confirmed := confirmation_lines(table):
        print("\n" + "\n".join(confirmed))
    if compromises := front_lines(table):
        print("\n" + "\n".join(compromises))
    if table.sweep is not None and (line := savings_line(table)):
        print(f"\n{line}")
    if outputs := failed_outputs(table):
        print(f"\n{outputs}")
    print(f"\n{took}" if took else "")
    print(place)
    lines = [(shlex.join(words), why) for words, why in hints]
    width = max((len(words) for words, _ in lines), default=0)
    for start, (words, why) in zip(("next:", *["     "] * len(lines)), lines, strict=False):
        print(f"{start} {words:{width}}  {why}")


def _command(table: StudyTable, row: Row) -> str:
    """The command that repeats a run."""
    if table.sweep is not None:
        return table.sweep.command_line(row.config)
    return f"dlsweep train {command_line(row.config)}".rstrip()


def all_failed(table: StudyTable) -> int:
    """1, with a line, where there is nothing but failures; else 0."""
    reasons = [row.reason for row in table.rows if row.status == "failed"]
    if not reasons or len(reasons) < len(table.rows):
        return 0
    which = "the only run" if len(reasons) == 1 else f"all {len(reasons)} runs"
    others = "; others for other reasons" if len(set(reasons)) > 1 else ""
    print(f"error: {which} failed: {max(reasons, key=reasons.count)}{others}", file=sys.stderr)
    return 1
