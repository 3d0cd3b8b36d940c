"""What a run has logged, read from its ``run-ID.wandb`` file while another process writes it.

The file is wandb's transaction log: seven bytes of header, then LevelDB's log format
(https://github.com/google/leveldb/blob/main/doc/log_format.md) with zlib's CRC-32: blocks of 32 KiB
with chunks of ``crc: uint32, length: uint16, kind: uint8, data``, of which one or more make a
record; each record is a message of ``wandb.proto.wandb_internal_pb2``, which is in wandb 0.26 to
0.31. Wandb 0.31 writes what it has every 15 s, or every ``WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL``
seconds; earlier versions write whole blocks, and the rest when the run ends.
"""

from __future__ import annotations

import glob
import json
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BLOCK = 32 * 1024
_FILE_HEADER = 7
_CHUNK = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_OUTPUT_KEPT = 4000


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
        self.run: LoggedRun | None = None
        self.exit_code: int | None = None
        self.output = ""
        self._config = _Tree()
        self._summary = _Tree()
        self._offset = _FILE_HEADER
        self._begun: bytearray | None = None  # a record whose last chunk is not there yet

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
        # Not before a log is read: workers that run no programs have no use for wandb.
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
        from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]

        rows = []
        for data in self._records():
            try:
                record = Record.FromString(data)
            except DecodeError:
                continue
            match record.WhichOneof("record_type"):
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

    def _records(self) -> Iterator[bytes]:
        """The records that have become complete."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            while True:
                file.seek(self._offset)
                size = _BLOCK - self._offset % _BLOCK
                block = file.read(size)
                read = 0
                for kind, data in _chunks(block):
                    read += _CHUNK.size + len(data)
                    if (record := self._joined(kind, data)) is not None:
                        yield record
                if len(block) < size:
                    self._offset += read
                    return
                self._offset += size
                if size - read >= _CHUNK.size:
                    self._begun = None  # what is damaged may be of that record

    def _joined(self, kind: int, data: bytes) -> bytes | None:
        """The record that a chunk completes, or None."""
        if kind == _FULL:
            self._begun = None
            return data
        if kind == _FIRST:
            self._begun = bytearray(data)
        elif self._begun is not None:
            self._begun += data
            if kind == _LAST:
                record, self._begun = bytes(self._begun), None
                return record
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
    name = glob.escape(run_id)
    found = directory.glob(f"*wandb/*run-*-{name}/run-{name}.wandb")
    return sorted(found, key=lambda log: log.parent.name.removeprefix("offline-"))


def _chunks(block: bytes) -> Iterator[tuple[int, bytes]]:
    """The kind and data of the chunks at the beginning of a block, up to an incomplete or bad one.

    Args:
        block: the bytes of a block from a chunk's beginning on, as many as there are.
    """
    start = 0
    while len(block) - start >= _CHUNK.size:
        crc, length, kind = _CHUNK.unpack_from(block, start)
        end = start + _CHUNK.size + length
        # The checksum is of the kind, the header's last byte, and the data.
        if end > len(block) or zlib.crc32(block[start + _CHUNK.size - 1 : end]) != crc:
            return
        yield kind, block[start + _CHUNK.size : end]
        start = end


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
