"""Which study of a file belongs to a sweep, what is new in it, which runs it takes over."""

from __future__ import annotations

import hashlib
import shlex
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlsweep.config import ConfigError
from dlsweep.config.errors import as_yaml, did_you_mean
from dlsweep.sweep.file import TRAINING_SECONDS, SweepFile, objective
from dlsweep.sweep.study._database import as_json, from_json, insert
from dlsweep.sweep.study._lock import OwnerLock
from dlsweep.sweep.study._names import run_name
from dlsweep.sweep.study._reading import Epochs, all_studies, lock_file, read_rows, sweep_of
from dlsweep.sweep.study._runs import ENDED

_LONGEST = 80  # characters of one setting in a notice


def find_or_create(
    connection: sqlite3.Connection, sweep: SweepFile, seed: int | None, continue_from: str | None
) -> tuple[sqlite3.Row, sqlite3.Row | None, tuple[str, ...]]:
    """The study that has a sweep's fingerprint; created where there is none. See ``Study.open``.

    Returns:
        The study, the one to take over from, and notices for the user: where the file holds a
        study of the same sweep name, what is new.
    """
    studies = all_studies(connection)
    source = None if continue_from is None else other_study(studies, sweep, continue_from)
    own = next((s for s in studies if s["fingerprint"] == sweep.fingerprint), None)
    if own is not None:  # under another name or with another cap, perhaps: it is the same search
        connection.execute(
            "UPDATE studies SET sweep = ? WHERE id = ?", (as_json(sweep.as_dict()), own["id"])
        )
        return own, source, ()
    new = {"name": f"{sweep.slug}-{sweep.fingerprint}", "fingerprint": sweep.fingerprint}
    new["sweep"] = as_json(sweep.as_dict())
    new["seed"] = str(int(sweep.fingerprint, 16) if seed is None else seed)
    insert(connection, "studies", {**new, "created": time.time()})
    own = all_studies(connection)[-1]
    last = source or next((s for s in reversed(studies) if _name(s) == sweep.name), None)
    before = None if last is None else sweep_of(last)
    if last is None or before is None:
        return own, source, ()
    changes = ", ".join(_differences(before, sweep))
    builtin = sweep.command is None and before.command is None
    if (
        builtin and not changes
    ):  # one's own data alone is part of the fingerprint and of nothing else
        if source is not None:
            why = f"{last['name']} was trained on other data: the files have changed since"
            raise ConfigError([f"--continue-from: {why}"])
        notice = f"sweep: its data has changed since study {last['name']}, so a new study begins, "
        return own, None, (notice + own["name"],)
    notice = f"sweep: {changes} (compared with study {last['name']}), so a new study begins, "
    notice += own["name"]
    if source is None:
        how = f"`--continue-from {last['name']}`"
        notice += f"; {how} takes over its finished runs that still fit"
    return own, source, (notice,)


def find_named(
    connection: sqlite3.Connection, name: str, new: SweepFile | None
) -> tuple[sqlite3.Row, SweepFile]:
    """The newest study of a name, and its sweep; created where there is none. See ``Study``."""
    studies = all_studies(connection)
    found = [s for s in studies if name in (s["name"], s["fingerprint"], _name(s))]
    if found:
        if (sweep := sweep_of(found[-1])) is None:
            raise ConfigError([f"study: {name} is not one of this version of dlsweep's"])
        return found[-1], sweep
    if new is None:
        names = [n for s in studies for n in (_name(s), s["name"])]
        raise ConfigError([f"study: got {name!r}, no such study{did_you_mean(name, names)}"])
    row: dict[str, Any] = {"name": new.slug, "fingerprint": _fingerprint(name), "seed": "0"}
    insert(connection, "studies", {**row, "sweep": as_json(new.as_dict()), "created": time.time()})
    return all_studies(connection)[-1], new


def searches_nothing(study: sqlite3.Row) -> bool:
    """Whether a study was made by its name alone, so that all of its runs were added."""
    return bool(study["fingerprint"] == _fingerprint(_name(study)))


def _fingerprint(name: str) -> str:
    """Of a study that searches nothing: eight hexadecimal digits that its name makes."""
    return hashlib.sha256(f"study {name}".encode()).hexdigest()[:8]


def other_study(
    studies: Sequence[sqlite3.Row], sweep: SweepFile, wanted: str, flag: str = "--continue-from"
) -> sqlite3.Row:
    """The newest study of a name that is not the sweep's own.

    Args:
        studies: to choose from.
        sweep: whose study it is not.
        wanted: its name, or that of its sweep.
        flag: who asks for it.

    Raises:
        ConfigError: there is none.
    """
    named = [s for s in studies if wanted in (s["name"], s["fingerprint"], _name(s))]
    others = [s for s in named if s["fingerprint"] != sweep.fingerprint]
    if others:
        return others[-1]
    why = "the study of this very sweep, which goes on without it"
    if not named:
        names = [name for s in studies for name in (_name(s), s["name"])]
        why = f"no such study{did_you_mean(wanted, names) if names else ''}"
    raise ConfigError([f"{flag}: got {wanted!r}, {why}"])


def _name(study: sqlite3.Row) -> str:
    """The name of a study's sweep."""
    return str(from_json(study["sweep"], f"the sweep of study {study['name']}").get("name", ""))


def _differences(old: SweepFile, new: SweepFile) -> list[str]:
    """What another sweep searches, a phrase for each difference."""
    found = _compared(_facts(old), _facts(new))
    return found + _compared(_searched(old), _searched(new))


def _compared(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    found = []
    for name in sorted(was.keys() | now.keys()):
        if name not in was:
            found.append(f"{name} is new: {now[name]}")
        elif name not in now:
            found.append(f"{name} is gone, was {was[name]}")
        elif was[name] != now[name]:
            found.append(f"{name} was {was[name]}, is {now[name]}")
    return found


def _facts(sweep: SweepFile) -> dict[str, str]:
    """What a sweep runs and how, as a user may read it."""
    command = "the built-in networks"
    if sweep.command is not None:
        command = shlex.join(sweep.command.expanded({}))
    metrics = [f"{metric.goal} {metric.name}" for metric in sweep.metrics if metric.name]
    metric = ", ".join(metrics) or "none"
    return {"program": command, "method": sweep.method, "metric": metric}


def _searched(sweep: SweepFile) -> dict[str, str]:
    """What a sweep searches, as a user may read it, by the parameter's name."""
    found = {}
    for name, distribution in sweep.parameters.items():
        written = distribution.as_dict()
        if distribution.name in ("constant", "categorical", "categorical_w_probabilities"):
            del written["distribution"]
        text = as_yaml(written)
        found[name] = text if len(text) <= _LONGEST else text[: _LONGEST - 2] + "…}"
    return found


def take_over(
    connection: sqlite3.Connection, source: sqlite3.Row, study: int, sweep: SweepFile
) -> str:
    """Copy the ended runs of a study whose configurations belong to another one's space.

    Runs that failed are left out, and all runs of another program. A run keeps its wandb id, its
    epochs and its configuration; its value is that of the new metric. A run that is there already
    is not taken again.

    Returns:
        A notice for the user: how many were taken over, and how many were not.
    """
    taken = present = outside = 0
    before = sweep_of(source)
    if before is not None and not same_program(before, sweep):
        return f"continue-from: the runs of study {source['name']} are of another program"
    own = list(read_rows(connection, study, owned=False, epochs="none"))
    known = {run.run_id for run in own} | {sweep.space.identity(run.config) for run in own}
    epochs: Epochs = "all" if sweep.metric.name == TRAINING_SECONDS else "last"
    for run in read_rows(connection, source["id"], owned=False, epochs=epochs):
        if run.status not in ENDED or run.role in ("repeat", "confirmation"):
            continue
        config = sweep.space.restore(run.config)
        place = None if config is None else sweep.space.locate(config)
        if config is None or place is None:
            outside += 1
            continue
        if known & {run.run_id, sweep.space.identity(config)}:
            present += 1
            continue
        known.add(sweep.space.identity(config))
        number = len(own) + taken
        taken += 1
        settings = config.as_dict()
        new: dict[str, Any] = {"study": study, "number": number, "coordinates": as_json(place)}
        new |= {"name": run_name(sweep, settings, number), "config": as_json(settings)}
        if run.status != "diverged":
            new["value"] = objective(sweep.metric, run.history, run.summary)
        origin = {"study": source["name"], "run": run.name}
        new["info"] = as_json({**run.info, "continued_from": origin})
        kept = "run_id, status, attempt, deaths, summary, started, finished"
        connection.execute(
            f"INSERT INTO runs ({', '.join(new)}, {kept}) SELECT {', '.join('?' * len(new))}, "
            f"{kept} FROM runs WHERE study = ? AND number = ?",
            (*new.values(), source["id"], run.number),
        )
        copied = "SELECT ?, ?, epoch, metrics FROM epochs WHERE study = ? AND run = ?"
        connection.execute(
            f"INSERT INTO epochs {copied}", (study, number, source["id"], run.number)
        )
    notice = f"continue-from: {taken} runs of study {source['name']} were taken over"
    notice += f", {present} were here before" * (present > 0)
    return notice + f", {outside} do not belong to the new space" * (outside > 0)


def same_program(one: SweepFile, other: SweepFile) -> bool:
    """Whether two sweeps run the same, which gets the parameters of the other one alike."""
    names = other.parameters
    return _program(one, names) == _program(other, names)


def _program(sweep: SweepFile, names: Iterable[str]) -> object:
    """What is run for each point, and how it gets parameters of some names."""
    return sweep.command, {name: sweep.paths.get(name) for name in names}


def take_lock(file: Path, study: sqlite3.Row, storage: str | None) -> OwnerLock:
    """Take the lock of a study that may be trained.

    Args:
        file: the study file.
        study: its row there.
        storage: as the user gave it.

    Raises:
        ConfigError: in one line, where another process has it, or the study was stopped.
    """
    lock, name = OwnerLock(lock_file(file, study["id"])), study["name"]
    if not lock.acquire():
        raise ConfigError([f"study: another process is running {name}; stop it, or wait"])
    if study["stopped"]:
        lock.release()
        place = ["--storage", storage] if storage else []
        hint = f"`{shlex.join(['dlsweep', 'resume', name, *place])}` lets it go on"
        raise ConfigError([f"study: {name} was stopped with `dlsweep stop`; {hint}"])
    return lock
