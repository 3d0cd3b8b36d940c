"""Where measurements are kept: a JSON file for each, from which the page is filled."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"


def save(name: str, result: dict[str, Any], *, smoke: bool) -> None:
    """Keep a measurement; not that of a smoke version, which measures nothing."""
    if smoke:
        return
    RESULTS.mkdir(exist_ok=True)
    aside = RESULTS / f".{name}.part"
    aside.write_text(json.dumps(result, indent=1) + "\n")
    os.replace(aside, RESULTS / f"{name}.json")


def read(name: str) -> dict[str, Any] | None:
    """A measurement that was kept; None where it was not made yet."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None
