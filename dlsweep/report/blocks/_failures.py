"""A block: runs that failed or diverged, with the reasons."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlsweep.report import _panels as panels
from dlsweep.report._markdown import cell, grid
from dlsweep.report._words import count
from dlsweep.report.blocks._block import Block
from dlsweep.sweep import Row

if TYPE_CHECKING:
    from dlsweep.report._page import Page
    from dlsweep.report._runs import RunsTable

_UNKNOWN = {
    "failed": "no reason was stored",
    "diverged": "the loss was no longer a finite number",
}


@dataclass(frozen=True)
class Failures(Block):
    """Runs that failed or diverged, with the reasons."""

    def html(self, table: RunsTable, page: Page) -> str:
        """A table of the reasons, the most frequent first."""
        failed = table.failed()
        if not failed:
            return page.missing(_nothing(table))
        groups: dict[tuple[str, str], list[Row]] = {}
        for run in failed:
            groups.setdefault((run.status, run.reason or _UNKNOWN[run.status]), []).append(run)
        ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
        rows = "".join(
            f'<tr><td class="bad">{page.text(status)}</td><td>{page.text(reason)}</td>'
            f'<td class="number">{len(runs)}</td><td>{page.text(_names(runs))}</td></tr>'
            for (status, reason), runs in ordered
        )
        return page.figure(
            "What came to nothing, and why",
            page.scroll(
                "Runs that came to nothing",
                '<table class="plain"><thead><tr><th scope="col">status</th>'
                '<th scope="col">reason</th><th scope="col" class="number">runs</th>'
                f'<th scope="col">which</th></tr></thead><tbody>{rows}</tbody></table>',
            ),
            f"{len(failed)} of {len(table.runs)} runs.",
        )

    def wandb(self, table: RunsTable, runsets: list[Any]) -> list[Any]:
        """The same table as text."""
        return panels.markdown(self.markdown(table, Path()))

    def markdown(self, table: RunsTable, folder: Path) -> str:
        """A table of the runs and their reasons."""
        failed = table.failed()
        if not failed:
            return f"{_nothing(table)}\n"
        rows = [[cell(run.name), run.status, cell(run.reason)] for run in failed[:50]]
        more = f"\nand {count(len(failed) - 50, 'other')}.\n" if len(failed) > 50 else ""
        return grid(["run", "status", "reason"], rows) + more


def _nothing(table: RunsTable) -> str:
    """What is said where no run failed or diverged."""
    if not table.runs or any(run.status in ("waiting", "running") for run in table.runs):
        return f"No run has {table.broken} so far."
    n = len(table.runs)
    if n > 1:
        return f"No run {table.broken}, of {n:,}."
    return f"The run did not fail{' or diverge' if table.own else ''}."


def _names(runs: list[Row], most: int = 6) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(runs) - most} more" if len(runs) > most else ""
    return ", ".join(run.name for run in runs[:most]) + more
