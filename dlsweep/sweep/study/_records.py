"""How the runs, epochs and stacks of a study are written and read, a statement for each."""

from __future__ import annotations

import secrets
import sqlite3
import string
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dlsweep.config import SETTINGS, ConfigError, RunConfig
from dlsweep.sweep.file import Coordinates, Space, plain
from dlsweep.sweep.search import Draft, Search
from dlsweep.sweep.study._database import as_json, from_json
from dlsweep.sweep.study._rows import run_name
from dlsweep.sweep.study._runs import PlannedStack, Run
from dlsweep.training import DIVERGED, EARLY_STOPPED, FINISHED, STOPPED, layout_facts, layout_from

ENDED = (FINISHED, EARLY_STOPPED, STOPPED, DIVERGED)
"""The statuses of a run that ended with a result."""

_ALPHABET = string.ascii_lowercase + string.digits
_RUN = (
    *("study", "number", "run_id", "name", "status", "position", "coordinates", "config"),
    *("reason", "started", "finished"),
)
_INSERT_RUN = f"INSERT INTO runs ({', '.join(_RUN)}) VALUES ({', '.join('?' * len(_RUN))})"


def insert_runs(
    connection: sqlite3.Connection, study: int, first: int, drafts: Sequence[Draft], space: Space
) -> list[Run]:
    """Store drawn points under the numbers from ``first`` on.

    Returns:
        Those that are valid configurations, to be trained; the others are stored as failed.
    """
    runs = []
    rows: list[tuple[Any, ...]] = []
    row: tuple[Any, ...]
    now = time.time()
    for number, draft in enumerate(drafts, start=first):
        place = draft.index, as_json(draft.coordinates)
        if draft.config is None:
            settings = {k: plain(v) for k, v in space.settings(draft.coordinates).items()}
            name = f"invalid-{number}"
            row = (None, name, "failed", *place, as_json(settings), draft.reason, now, now)
        else:
            settings = draft.config.as_dict()
            run_id = "".join(secrets.choice(_ALPHABET) for _ in range(8))
            run = Run(number, draft.config, run_id, run_name(settings, number))
            row = (run_id, run.name, "running", *place, as_json(settings), "", now, None)
            runs.append(run)
        rows.append((study, number, *row))
    connection.executemany(_INSERT_RUN, rows)
    return runs


def end_run(
    connection: sqlite3.Connection,
    study: int,
    number: int,
    history: Sequence[Mapping[str, Any]],
    ending: Mapping[str, Any],
) -> sqlite3.Row | None:
    """Store how a run ended, in place of the epochs that were written while it was trained.

    Args:
        connection: in a transaction.
        study: the study's id.
        number: the run's.
        history: all of its epochs.
        ending: columns of its row.

    Returns:
        Its row; None where it was not running.
    """
    changed = connection.execute(
        f"UPDATE runs SET finished = ?, {', '.join(f'{column} = ?' for column in ending)} "
        "WHERE study = ? AND number = ? AND status = 'running'",
        (time.time(), *ending.values(), study, number),
    )
    if changed.rowcount != 1:
        return None
    epochs = {epoch: as_json(metrics) for epoch, metrics in enumerate(history, start=1)}
    write_epochs(connection, study, {number: epochs}, above=0)
    row: sqlite3.Row = connection.execute(
        "SELECT * FROM runs WHERE study = ? AND number = ?", (study, number)
    ).fetchone()
    return row


def write_epochs(
    connection: sqlite3.Connection,
    study: int,
    epochs: Mapping[int, Mapping[int, str]],
    above: int | None = None,
) -> None:
    """Write epochs of runs, in place of what was there of the same and later epochs.

    Args:
        connection: in a transaction.
        study: the study's id.
        epochs: the metrics as JSON, by run and epoch.
        above: the last epoch that stays; by default the one before the first that is written.
    """
    connection.executemany(
        "DELETE FROM epochs WHERE study = ? AND run = ? AND epoch > ?",
        [(study, run, min(found) - 1 if above is None else above) for run, found in epochs.items()],
    )
    connection.executemany(
        "INSERT INTO epochs VALUES (?, ?, ?, ?)",
        [(study, run, e, metrics) for run, found in epochs.items() for e, metrics in found.items()],
    )


def read_stacks(connection: sqlite3.Connection, study: int) -> Iterator[PlannedStack]:
    """The stacks that have a run which waits."""
    for row in connection.execute(
        "SELECT * FROM stacks WHERE study = ? AND id IN "
        "(SELECT stack FROM runs WHERE study = ? AND status = 'waiting') ORDER BY id",
        (study, study),
    ):
        what = f"stack {row['id']}"
        members = tuple(from_json(row["members"], f"the members of {what}"))
        layout = row["compile_for"] and from_json(row["compile_for"], f"the layout of {what}")
        yield PlannedStack(row["id"], members, layout_from(layout), bool(row["begun"]))


def write_stacks(
    connection: sqlite3.Connection, study: int, stacks: Sequence[PlannedStack]
) -> None:
    """Store stacks, over what was there; their open members are in no other stack from then on."""
    for stack in stacks:
        layout = layout_facts(stack.compile_for)
        connection.execute(
            "INSERT OR REPLACE INTO stacks VALUES (?, ?, ?, ?, ?)",
            (
                *(study, stack.id, as_json(stack.members)),
                *(None if layout is None else as_json(layout), stack.begun),
            ),
        )
        connection.executemany(
            "UPDATE runs SET stack = ? WHERE study = ? AND number = ? AND status = 'running'",
            [(stack.id, study, number) for number in stack.members],
        )


def config_of(run: sqlite3.Row) -> RunConfig | None:
    """The configuration of a stored run; None where this version of dlsweep has no such one."""
    stored = from_json(run["config"], f"the config of run {run['number']}")
    try:
        return RunConfig(**{k: v for k, v in stored.items() if k in SETTINGS})
    except ConfigError:
        return None


def run_ids(connection: sqlite3.Connection, study: int) -> set[str]:
    """The wandb ids of a study's runs."""
    found = connection.execute("SELECT run_id FROM runs WHERE study = ?", (study,))
    return {run_id for (run_id,) in found if run_id is not None}


def teach(search: Search, connection: sqlite3.Connection, study: int) -> None:
    """Tell a search of all points of a study, and bayes of what came of them."""
    for row in connection.execute(
        "SELECT number, run_id, status, value, coordinates, config FROM runs "
        "WHERE study = ? ORDER BY number",
        (study,),
    ):
        what = f"of run {row['number']}"
        place: Coordinates = from_json(row["coordinates"], f"the coordinates {what}")
        if row["run_id"] is None:
            search.add(place, None)
            continue
        search.add(place, from_json(row["config"], f"the config {what}"))
        if search.bayes is not None:
            if row["status"] in ENDED:
                search.bayes.learn(place, row["value"])
            elif row["status"] != "failed":
                search.bayes.add(row["number"], place)
