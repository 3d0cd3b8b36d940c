"""What a run has logged, read from its ``run-ID.wandb`` file while another process writes it.

The file is wandb's transaction log: LevelDB's log format, each record a message of
``wandb.proto.wandb_internal_pb2``, which is in wandb 0.26 to 0.31. Wandb 0.31 writes what it has
every 15 s, or every ``WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL`` seconds; earlier versions write
whole blocks, and the rest when the run ends.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlsweep.tracking._leveldb_log import LogReader, read_header, write_log

_OUTPUT_KEPT = 4000
_RUN_TAG = b"\x8a\x01"
"""The tag of the field ``run`` of a record: field 17, with a length."""


@dataclass(frozen=True)
class LoggedRow:
    """One row of a run's history.

    Attributes:
        step: its number, W&B's ``_step``.
        runtime: seconds since the run began.
        timestamp: seconds since 1970, UTC.
        values: what was logged, by name; nested names are joined by dots.
    """

    step: int
    runtime: float
    timestamp: float
    values: dict[str, Any]


@dataclass(frozen=True)
class LoggedRun:
    """Which run a log is of; empty text for what the program left to W&B."""

    id: str
    entity: str
    project: str
    name: str
    sweep_id: str


class TransactionLog:
    """Follows the transaction log of a run.

    Names of nested values are joined by dots, as W&B shows them; a medium (a table, an image, a
    histogram) stays one value, the mapping that describes it. Numbers that are not finite are
    floats.

    Args:
        path: the file; it need not be there yet.

    Attributes:
        run: which run it is; None until the log says so.
        exit_code: None until the run has ended.
        output: the last 4,000 characters that the program has written, standard error included.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader = LogReader(path)
        self.run: LoggedRun | None = None
        self.exit_code: int | None = None
        self.output = ""
        self._config = _Tree()
        self._summary = _Tree()

    @property
    def config(self) -> dict[str, Any]:
        """The run's configuration as far as the log has been read."""
        return self._config.flat()

    @property
    def summary(self) -> dict[str, Any]:
        """The run's summary as far as the log has been read; as W&B, without what is None.

        A metric with ``define_metric(name, summary="max")`` is there as ``name.max``.
        """
        return {name: v for name, v in self._summary.flat().items() if v is not None}

    def read(self) -> list[LoggedRow]:
        """Take in what is new in the file, and return the new rows of the history.

        An incomplete end is left for the next call. What is damaged is left out, up to the end of
        its block.

        Raises:
            OSError: where the file is there and cannot be read.
        """
        rows = []
        for data in self._reader.records():
            record = parsed_record(data)
            match record and record.WhichOneof("record_type"):
                case "history":
                    rows.append(_row(record.history))
                case "summary":
                    self._summary.update(record.summary)
                case "config":
                    self._config.update(record.config, merge=True)
                case "run":
                    run = record.run
                    self.run = LoggedRun(
                        run.run_id, run.entity, run.project, run.display_name, run.sweep_id
                    )
                    self._config.update(run.config, merge=True)
                    self._summary.update(run.summary)
                case "output_raw":
                    self.output = (self.output + record.output_raw.line)[-_OUTPUT_KEPT:]
                case "exit":
                    self.exit_code = record.exit.exit_code
        return rows


def forget_sweep(path: Path) -> None:
    """Take the sweep's id out of a transaction log, all else of which stays.

    W&B's server refuses a run of a sweep that it does not know, as a local one. A log without a
    sweep's id is left alone; of another, a damaged or incomplete part is dropped.

    Args:
        path: the file, which nobody writes any more.

    Raises:
        OSError: if the file cannot be read or replaced.
    """
    if all(_without_sweep(data) is data for data in LogReader(path).records()):
        return
    records = (_without_sweep(data) for data in LogReader(path).records())
    temporary = path.with_name(f"{path.name}.new")
    try:
        with temporary.open("wb") as file:
            write_log(file, read_header(path), records)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _without_sweep(data: bytes) -> bytes:
    """A record without the id of its run's sweep; the same object if it has none."""
    if _RUN_TAG not in data:  # most records: they need not be parsed
        return data
    record = parsed_record(data)
    # A record of another kind has an empty run.
    if record is None or not record.run.sweep_id:
        return data
    record.run.ClearField("sweep_id")
    return bytes(record.SerializeToString())


def parsed_record(data: bytes) -> Any:
    """A record, or None if it is not one."""
    # Not before a log is read: workers that run no programs have no use for wandb.
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]

    try:
        return Record.FromString(data)
    except DecodeError:
        return None


def find_log(directory: Path, run_id: str) -> Path | None:
    """The newest transaction log of a run, or None; see ``find_logs``."""
    return next(reversed(find_logs(directory, run_id)), None)


def find_logs(directory: Path, run_id: str) -> list[Path]:
    """The transaction logs of a run, offline or online, the oldest first.

    Args:
        directory: the program's ``WANDB_DIR``.
        run_id: the run's id.
    """
    logs = (folder / f"run-{run_id}.wandb" for folder in find_folders(directory, run_id))
    return [log for log in logs if log.exists()]


def find_folders(directory: Path, run_id: str) -> list[Path]:
    """The folders of a run, the oldest first; one whose process was killed at once has no log."""
    found = directory.glob(f"*wandb/*run-*-{glob.escape(run_id)}")
    return sorted(found, key=lambda folder: folder.name.removeprefix("offline-"))


class _Tree:
    """Nested values, changed by updates as wandb's client does it.

    The leaves are JSON, decoded when asked for: of a summary that changes with each row only the
    last state is looked at.
    """

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}

    def update(self, changes: Any, *, merge: bool = False) -> None:
        """Apply a record's updates and removals.

        Args:
            changes: a ConfigRecord or SummaryRecord.
            merge: a mapping is added to what is there, as in a configuration, instead of replacing
                it.
        """
        for item in changes.update:
            value = _decoded(item.value_json) if merge else None
            if isinstance(value, dict):
                self._merge(_path(item), value)
            else:
                self.set(_path(item), item.value_json)
        for item in changes.remove:
            *parents, last = _path(item)
            node: Any = self._root
            for part in parents:
                node = node.get(part) if isinstance(node, dict) else None
            if isinstance(node, dict):
                node.pop(last, None)

    def set(self, path: list[str], value_json: str) -> None:
        """Put a value in the place of whatever is there."""
        *parents, last = path
        node = self._root
        for part in parents:
            child = node.get(part)
            if not isinstance(child, dict):
                child = node[part] = {}
            node = child
        node[last] = value_json

    def _merge(self, path: list[str], value: dict[str, Any]) -> None:
        for name, inner in value.items():
            if isinstance(inner, dict) and inner:
                self._merge([*path, name], inner)
            else:
                self.set([*path, name], json.dumps(inner))

    def flat(self) -> dict[str, Any]:
        """The values by their names, without wandb's own."""
        return dict(_flat({k: v for k, v in _values(self._root).items() if k != "_wandb"}))


def _row(history: Any) -> LoggedRow:
    tree = _Tree()
    for item in history.item:
        tree.set(_path(item), item.value_json)
    values = tree.flat()
    return LoggedRow(
        step=values.pop("_step", history.step.num),
        runtime=values.pop("_runtime", 0.0),
        timestamp=values.pop("_timestamp", 0.0),
        values=values,
    )


def _path(item: Any) -> list[str]:
    return list(item.nested_key) or [item.key]


_NOT_JSON = object()


def _decoded(value_json: str) -> Any:
    try:
        return json.loads(value_json)
    except (ValueError, RecursionError):
        return _NOT_JSON


def _values(tree: dict[str, Any]) -> dict[str, Any]:
    """A tree with its leaves decoded; what is not JSON is left out."""
    found = {k: _values(v) if isinstance(v, dict) else _decoded(v) for k, v in tree.items()}
    return {name: value for name, value in found.items() if value is not _NOT_JSON}


def _flat(values: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and value and "_type" not in value:
            yield from ((f"{name}.{inner}", v) for inner, v in _flat(value))
        else:
            yield name, value
