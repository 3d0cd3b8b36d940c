"""The data sets that are known by name: one file each, found because it is in this folder."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from dlsweep.parts.data_sets._published import PublishedSet

__all__ = ["DATASETS", "PublishedSet"]


def _found() -> dict[str, PublishedSet]:
    """The ``DATA_SET`` of each file whose name does not begin with an underscore."""
    names = [info.name for info in pkgutil.iter_modules(__path__) if info.name[0] != "_"]
    sets = [import_module(f"{__name__}.{name}").DATA_SET for name in names]
    return {each.name: each for each in sets}


DATASETS = _found()
