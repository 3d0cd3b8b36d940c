"""Which W&B report was made of which runs, kept beside the study so that it is updated later."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from dlsweep._store import store
from dlsweep.report._runs import Online, RunsTable
from dlsweep.sweep import storage_file

_log = logging.getLogger("dlsweep.report")


class SavedReports:
    """The W&B reports made of one table under one title: one published and one draft, at most.

    They are kept in FILE.reports.json beside the study file; those of runs at W&B beside the study
    file that is meant where none is named.

    Args:
        table: the runs.
        place: the project at W&B in which the reports are.
        title: of the reports; one of another title is another report.
    """

    def __init__(self, table: RunsTable, place: Online, title: str = "") -> None:
        file = storage_file(table.storage or None)
        self.file = file.with_name(f"{file.name}.reports.json")
        self._key = f"{place.entity}/{place.project}: {table.name}{title and f' ({title})'}"
        self._known: dict[str, dict[str, str]] = {}
        try:
            read: Any = json.loads(self.file.read_text(encoding="utf-8"))
            self._known = {key: dict(value) for key, value in read.items()}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, AttributeError, TypeError) as error:
            _log.warning("%s cannot be read, so a new report is made: %s", self.file, error)

    def get(self, draft: bool) -> str:
        """The id of the published report, or of the draft; empty where there is none."""
        return self._known.get(self._key, {}).get("draft" if draft else "report", "")

    def keep(self, report: str, draft: bool) -> None:
        """Remember a report's id; a draft that is now published is no draft any more."""
        kept = self._known.setdefault(self._key, {})
        kept["draft" if draft else "report"] = report
        if not draft and kept.get("draft") == report:
            del kept["draft"]
        try:
            store(self.file, (json.dumps(self._known, indent=2) + "\n").encode())
        except OSError as error:
            why = f"{Path(self.file).name} cannot be written: {error.strerror or error}"
            _log.warning("the next --publish makes another report, for %s", why)
