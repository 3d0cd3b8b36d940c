"""Which study of a database is a sweep's."""

from __future__ import annotations

import contextlib
import re

from optuna.exceptions import DuplicatedStudyError

from dlsweep.sweep._file import SweepFile
from dlsweep.sweep._store import Store


def _slug(name: str) -> str:
    """A sweep's name as part of a study's: without spaces, and not too long."""
    return re.sub(r"[^\w.]+", "-", name).strip("-")[:60] or "sweep"


def find_or_make(store: Store, sweep: SweepFile) -> tuple[int, str]:
    """The key and the name of a sweep's study; where two make it at once, both have the older."""
    while True:
        for name, key in store.studies().items():
            if name.endswith(f"-{sweep.fingerprint}"):
                return key, name
        with contextlib.suppress(DuplicatedStudyError):
            store.create_study(f"{_slug(sweep.name)}-{sweep.fingerprint}", sweep.metric.goal)
