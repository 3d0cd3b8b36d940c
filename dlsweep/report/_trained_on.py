"""Which data of one's own the runs were trained on, and whether it is still that, in sentences."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from dlsweep.data import DATA_DIGEST, DataSettings, known_facts
from dlsweep.report._runs import RunsTable
from dlsweep.report._words import code, count, listed


def trained_on(table: RunsTable) -> list[str]:
    """The digests of the data that the runs were trained on; nothing of data known by name."""
    told = [
        f"{code(_name(data))} (digest {listed([code(digest) for digest in digests])})"
        for data, digests in _digests(table).items()
    ]
    what = "of its images and labels" + (
        ", and of the network whose features they are" if _features(table) else ""
    )
    return [f"The data: {listed(told)}. A digest is the SHA-256 {what}, cut off."] if told else []


def data_cautions(table: RunsTable) -> list[str]:
    """That runs were trained on other data of one place, or that it has changed since."""
    lines = []
    for data, digests in _digests(table).items():
        name = code(_name(data))
        if len(digests) > 1:
            runs = [f"{count(n, 'run')} on {code(digest)}" for digest, n in digests.items()]
            lines.append(
                f"**The data changed between the runs:** by the digests of {name}, "
                f"{listed(runs)}. Their results cannot be compared."
            )
        now = None if data.features else known_facts(data)
        if now is not None and now.content and now.content not in digests:
            lines.append(
                f"**The data has changed since:** {name} now has the digest {code(now.content)}. "
                "Images and counts of it in this report are today's."
            )
    return lines


def _digests(table: RunsTable) -> dict[DataSettings, Counter[str]]:
    """How many runs there are of each digest of each data set of one's own."""
    found: dict[DataSettings, Counter[str]] = defaultdict(Counter)
    for run in table.runs if table.own else ():
        if digest := run.summary.get(DATA_DIGEST):
            found[DataSettings.among(run.config)][str(digest)] += 1
    return found


def _features(table: RunsTable) -> bool:
    return any(data.features for data in _digests(table))


def _name(data: DataSettings) -> str:
    return Path(data.dataset).name.partition("@")[0] or "the data"
