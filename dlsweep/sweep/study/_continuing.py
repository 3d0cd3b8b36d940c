"""Runs that a study takes over from another one, whose sweep was searched before."""

from __future__ import annotations

import sqlite3

from dlsweep.sweep.file import SweepFile, objective
from dlsweep.sweep.search import Search
from dlsweep.sweep.study._database import Database, as_json, from_json
from dlsweep.sweep.study._records import ENDED, config_of, run_ids
from dlsweep.sweep.study._rows import run_name

_COPIED = ("status", "attempt", "deaths", "summary", "started", "finished")


def take_over(database: Database, source: int, study: int, sweep: SweepFile, search: Search) -> str:
    """Copy the ended runs of a study whose configurations belong to another one's space.

    Runs that failed are left out. A run keeps its wandb id, its epochs and its configuration; its
    value is that of the new metric. The search does not draw its configuration any more, and bayes
    learns from it. What is there already is not taken again.

    Args:
        database: the file that holds both.
        source: the id of the study to take from.
        study: the id of the study that takes.
        sweep: what the latter searches.
        search: the latter's.

    Returns:
        A notice for the user: how many were taken over, and how many were not.
    """
    taken = present = outside = 0
    with database.transaction() as connection:
        [name] = connection.execute("SELECT name FROM studies WHERE id = ?", (source,)).fetchone()
        [number] = connection.execute(
            "SELECT count(*) FROM runs WHERE study = ?", (study,)
        ).fetchone()
        own = run_ids(connection, study)
        marks = ", ".join("?" * len(ENDED))
        ended = connection.execute(
            f"SELECT * FROM runs WHERE study = ? AND status IN ({marks}) ORDER BY number",
            (source, *ENDED),
        )
        for run in ended:
            config = config_of(run)
            place = None if config is None else sweep.space.locate(config)
            if config is None or place is None:
                outside += 1
                continue
            if run["run_id"] in own or search.knows(config):
                present += 1
                continue
            value = _value(connection, run, sweep)
            info = from_json(run["info"], f"the info of run {run['number']} of {name}")
            info["continued_from"] = {"study": name, "run": run["name"]}
            settings = config.as_dict()
            new = {
                "study": study,
                "number": number,
                "run_id": run["run_id"],
                "name": run_name(settings, number),
                "coordinates": as_json(place),
                "config": as_json(settings),
                "value": value,
                "info": as_json(info),
                **{column: run[column] for column in _COPIED},
            }
            connection.execute(
                f"INSERT INTO runs ({', '.join(new)}) VALUES ({', '.join('?' * len(new))})",
                tuple(new.values()),
            )
            connection.execute(
                "INSERT INTO epochs SELECT ?, ?, epoch, metrics FROM epochs "
                "WHERE study = ? AND run = ?",
                (study, number, source, run["number"]),
            )
            search.add(place, config)
            if search.bayes is not None:
                search.bayes.learn(place, value)
            number += 1
            taken += 1
    notes = [f"{taken} runs of study {name} were taken over"]
    notes += [f"{present} were here before"] if present else []
    notes += [f"{outside} do not belong to the new space"] if outside else []
    return f"continue-from: {', '.join(notes)}"


def _value(connection: sqlite3.Connection, run: sqlite3.Row, sweep: SweepFile) -> float | None:
    """The metric of another sweep of a run."""
    if run["status"] == "diverged":
        return None
    what = f"run {run['number']}"
    epochs = connection.execute(
        "SELECT metrics FROM epochs WHERE study = ? AND run = ? ORDER BY epoch",
        (run["study"], run["number"]),
    )
    history = [from_json(metrics, f"an epoch of {what}") for (metrics,) in epochs]
    return objective(sweep.metric, history, from_json(run["summary"], f"the summary of {what}"))
