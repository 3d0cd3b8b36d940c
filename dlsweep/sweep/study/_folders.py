"""The folders in which a study's runs wait for `wandb sync`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dlsweep.sweep.study._rows import StudyTable
from dlsweep.tracking import is_synced

_ENDED = ("finished", "early_stopped", "stopped", "diverged", "failed")


@dataclass(frozen=True)
class StudyFolders:
    """Where the runs of a study are.

    Attributes:
        waiting: the folders of which W&B does not have everything, by the number of their runs.
        sent: those that `wandb sync` has sent.
        online: how many runs went to W&B while they were trained.
        missing: folders that are not there.
        unfinished: how many runs have not ended; an attempt at one of these is never sent.
    """

    waiting: tuple[Path, ...]
    sent: tuple[Path, ...]
    online: int
    missing: tuple[Path, ...]
    unfinished: int


def study_folders(study: StudyTable) -> StudyFolders:
    """Look for the folders of a study's runs: where they were made, or below here.

    Each run that has ended has one folder, that of the attempt which ended it.
    """
    waiting, sent, missing = list[Path](), list[Path](), list[Path]()
    online = 0
    ended = [row for row in study.rows if row.status in _ENDED]
    kept = [row.info["directory"] for row in ended if row.info.get("directory")]
    for folder in map(Path, dict.fromkeys([*study.folders, *kept])):
        moved = Path("wandb") / folder.name
        place = folder if folder.is_dir() else moved
        if not folder.name.startswith("offline-") and (is_synced(place) or not place.is_dir()):
            online += 1  # where it is on another machine, that one knows what became of it
        elif not place.is_dir():
            missing.append(folder)
        elif is_synced(place):
            sent.append(place)
        else:
            waiting.append(place)
    unfinished = sum(row.status in ("waiting", "running") for row in study.rows)
    return StudyFolders(tuple(waiting), tuple(sent), online, tuple(missing), unfinished)
