"""Several transaction logs of one run made into one, for W&B keeps the rows of one of them only.

A program that goes on with its run, or begins it in several processes, makes a log each time, whose
rows are counted from 0. Offline, wandb cannot know how many there were before.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dlsweep.tracking._leveldb_log import LogReader, read_header, write_log
from dlsweep.tracking._transaction_log import parsed_record

_OF_THE_END = ("exit", "final", "footer")


def join_logs(logs: Sequence[Path]) -> None:
    """Join the logs of an offline run: afterwards the last has all rows, and the others are gone.

    The run's files, as its media, are moved along; of those with the same name the later stays.

    Args:
        logs: of one run, the oldest first, which nobody writes any more.

    Raises:
        OSError: if a file cannot be read, replaced or removed.
    """
    *earlier, last = logs
    header = max(map(read_header, logs), key=len)  # one may be cut off
    temporary = last.with_name(f"{last.name}.new")
    try:
        with temporary.open("wb") as file:
            write_log(file, header, _joined(logs))
        for log in reversed(earlier):
            _move(log.parent / "files", last.parent / "files")
        os.replace(temporary, last)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    for log in earlier:
        shutil.rmtree(log.parent)


def _joined(logs: Sequence[Path]) -> Iterator[bytes]:
    """The records of all logs, with one run, one end, and rows that are counted through."""
    number = rows = 0
    begun = False
    for place, log in enumerate(logs):
        before = rows
        for data in LogReader(log).records():
            record = parsed_record(data)
            kind = record and record.WhichOneof("record_type")
            if kind is None or (kind == "header" and place > 0):
                continue
            if kind in _OF_THE_END and log != logs[-1]:
                continue
            if kind == "run" and begun:
                config = type(record.run.config)()
                config.CopyFrom(record.run.config)
                record.config.CopyFrom(config)  # in the place of the run
            begun = begun or kind == "run"
            if kind == "history":
                record.history.step.num += before
                rows = max(rows, record.history.step.num + 1, _shift(record.history.item, before))
            elif kind == "summary":
                _shift(record.summary.update, before)
            number += 1
            record.num = number
            yield bytes(record.SerializeToString())


def _shift(items: Any, by: int) -> int:
    """Count the step among some values on by so many; the number of rows up to it, or 0."""
    for item in items:
        if (list(item.nested_key) or [item.key]) == ["_step"]:
            step = int(json.loads(item.value_json)) + by
            item.value_json = json.dumps(step)
            return step + 1
    return 0


def _move(source: Path, target: Path) -> None:
    """Move the files of a folder to where they are not yet."""
    for path in list(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_file() and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, place)
