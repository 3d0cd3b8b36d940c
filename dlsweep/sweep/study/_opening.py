"""Which study of a file is a sweep's, and how a new one differs from the last."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Sequence

from dlsweep.config import ConfigError
from dlsweep.config.errors import as_yaml, did_you_mean
from dlsweep.sweep.file import Distribution, SweepFile
from dlsweep.sweep.study._database import Database, as_json, from_json
from dlsweep.sweep.study._reading import all_studies, sweep_of

_LONGEST = 80  # characters of one setting in a notice


def find_or_create(
    database: Database, sweep: SweepFile, seed: int | None, continue_from: str | None
) -> tuple[int, int | None, tuple[str, ...]]:
    """The study of a sweep, the one with its fingerprint; created where there is none.

    Args:
        database: the study file.
        sweep: what is to be searched.
        seed: of a new study; by default made from the fingerprint.
        continue_from: the name of the study or sweep whose runs are to be taken over.

    Returns:
        The study's id, that of the study to take over from, and notices for the user: where the
        file holds a study of the same sweep name, what is new.

    Raises:
        ConfigError: in one line, where there is no study to take over from.
    """
    with database.transaction() as connection:
        studies = all_studies(connection)
        source = None if continue_from is None else _source(studies, sweep, continue_from)
        source_id = None if source is None else source["id"]
        description = as_json(sweep.as_dict())
        for study in studies:
            if study["fingerprint"] == sweep.fingerprint:
                if study["sweep"] != description:  # another name or cap: the same search
                    connection.execute(
                        "UPDATE studies SET sweep = ? WHERE id = ?", (description, study["id"])
                    )
                return study["id"], source_id, ()
        name = f"{_slug(sweep.name)}-{sweep.fingerprint}"
        added = connection.execute(
            "INSERT INTO studies (name, fingerprint, sweep, seed, created) VALUES (?, ?, ?, ?, ?)",
            (
                name,
                sweep.fingerprint,
                description,
                str(int(sweep.fingerprint, 16) if seed is None else seed),
                time.time(),
            ),
        )
        assert added.lastrowid is not None
        last = source or next((s for s in reversed(studies) if _name(s) == sweep.name), None)
        before = None if last is None else sweep_of(last)
        if last is None or before is None:
            return added.lastrowid, source_id, ()
        notice = (
            f"sweep: {', '.join(differences(before, sweep))} (compared with study {last['name']}), "
            f"so a new study begins, {name}"
        )
        if source is None:
            notice += (
                f"; `--continue-from {last['name']}` takes over its finished runs that still fit"
            )
        return added.lastrowid, source_id, (notice,)


def differences(old: SweepFile, new: SweepFile) -> list[str]:
    """What another sweep searches, a phrase for each difference."""
    found = []
    if old.method != new.method:
        found.append(f"method was {old.method}, is {new.method}")
    was, now = (f"{s.metric.goal} {s.metric.name}" for s in (old, new))
    if was != now:
        found.append(f"metric was {was}, is {now}")
    for name in sorted({*old.parameters, *new.parameters}):
        before, after = (_text(s.parameters.get(name)) for s in (old, new))
        if before is None:
            found.append(f"{name} is new: {after}")
        elif after is None:
            found.append(f"{name} is gone, was {before}")
        elif before != after:
            found.append(f"{name} was {before}, is {after}")
    return found


def _text(distribution: Distribution | None) -> str | None:
    """A distribution as a sweep file has it, shortened."""
    if distribution is None:
        return None
    written = distribution.as_dict()
    if distribution.name in ("constant", "categorical", "categorical_w_probabilities"):
        del written["distribution"]
    text = as_yaml(written)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 2] + "…}"


def _source(studies: Sequence[sqlite3.Row], sweep: SweepFile, continue_from: str) -> sqlite3.Row:
    """The newest study of a name that is not the sweep's own."""
    named = [s for s in studies if continue_from in (s["name"], s["fingerprint"], _name(s))]
    others = [s for s in named if s["fingerprint"] != sweep.fingerprint]
    if others:
        return others[-1]
    got = f"--continue-from: got {continue_from!r}"
    if named:
        raise ConfigError([f"{got}, the study of this very sweep, which goes on without it"])
    names = [name for s in studies for name in (_name(s), s["name"])]
    raise ConfigError(
        [f"{got}, no such study{did_you_mean(continue_from, names) if names else ''}"]
    )


def _name(study: sqlite3.Row) -> str:
    """The name of a study's sweep."""
    return str(from_json(study["sweep"], f"the sweep of study {study['name']}").get("name", ""))


def _slug(name: str) -> str:
    """A sweep's name as part of a study's: without spaces, and not too long."""
    return re.sub(r"[^\w.]+", "-", name).strip("-")[:60] or "sweep"
