"""One's own data in the cache: found by what its files are, read where it is not there yet."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout

from dlsweep._store import store
from dlsweep.config import ConfigError
from dlsweep.config.data import in_memory
from dlsweep.data._arrays_file import read_arrays, written
from dlsweep.data._cache import Damaged
from dlsweep.data._raw import of_parts
from dlsweep.data.own._identity import identity
from dlsweep.data.own._read import name_of, read
from dlsweep.parts.data_sets._raw import Raw

if TYPE_CHECKING:
    from dlsweep.data._facts import DataFacts, DataSettings

_log = logging.getLogger("dlsweep.data")

_FORMAT = 3
_WAIT_SECONDS = 600.0
"""How long another process may take to read the same pictures."""
_FACTS, _ARRAYS = "facts.json", "arrays"


class OwnData:
    """One's own data; see ``find``.

    Attributes:
        key: names its content: other content has another key.
        directory: where it is kept in the cache.
        facts: what is known of it.
    """

    def __init__(self, settings: DataSettings, root: Path, key: str, directory: Path) -> None:
        self.key = key
        self.directory = directory
        self.facts: DataFacts
        self._settings, self._root = settings, root
        self._raw: Raw | None = None
        """What was just read; None where it is in the cache."""

    @classmethod
    def find(cls, settings: DataSettings, root: Path) -> OwnData:
        """Look data up in the cache by the names, sizes and times of its files; else read it.

        Args:
            settings: which data, and how it is to be brought to one size and colour.
            root: the cache.

        Raises:
            ConfigError: in a line for each thing, what is wrong with the data.
        """
        own = cls(settings, root, *_place(settings, root))
        if own._is_found():
            return own
        if in_memory(settings.dataset):
            what = f"{settings.dataset} is not in the cache {root}"
            why = "it was given from Python, as tensors; give them again"
            raise ConfigError([f"dataset: {what}; {why}, or let this machine see that cache"])
        try:
            own.directory.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{own.directory}.lock", timeout=_WAIT_SECONDS):
                if not own._is_found():  # another process may have read it meanwhile
                    raw = own._read_anew(own.directory)
                    keep(own.directory, raw, own.facts, settings)
        except (OSError, Timeout) as error:
            _log.warning("%s: not kept for the next time (%s)", own.directory, error)
            if own._raw is None:
                own._read_anew(None)
        return own

    def _is_found(self) -> bool:
        """Whether it is in the cache; its facts are known then."""
        facts = _facts(self.directory)
        if facts is not None:
            self.facts = facts
        return facts is not None

    def _read_anew(self, directory: Path | None) -> Raw:
        from dlsweep.data._facts import facts_of

        self._raw = read(self._settings)
        name = name_of(self._settings.dataset)
        content = dataset_key(name, self._raw).partition("@")[2]
        self.facts = dataclasses.replace(facts_of(name, self._raw, directory), content=content)
        return self._raw

    @staticmethod
    def is_kept(settings: DataSettings, root: Path) -> bool:
        """Whether ``find`` would read nothing; raises ConfigError where there is no such data."""
        return (_place(settings, root)[1] / _FACTS).is_file()

    @staticmethod
    def forget(settings: DataSettings, root: Path) -> None:
        """Have ``find`` read the data anew; raises ConfigError where there is no such data."""
        (_place(settings, root)[1] / _FACTS).unlink(missing_ok=True)

    def read(self) -> Raw:
        """The images and labels; read again where the cache is damaged."""
        if self._raw is not None:
            return self._raw
        try:
            found = read_arrays(self.directory / _ARRAYS)
        except (OSError, Damaged) as error:
            _log.warning("%s: damaged (%s); the data is read again", self.directory, error)
            (self.directory / _FACTS).unlink(missing_ok=True)
            return self.find(self._settings, self._root).read()
        parts = sorted({name.partition("_")[0] for name in found})
        return of_parts(
            {part: found[f"{part}_images"] for part in parts},
            {part: found[f"{part}_labels"] for part in parts},
            self.facts.classes,
            standardise=self.facts.standardise,
            notes=self.facts.notes,
            pixel_range=self.facts.pixel_range,
        )


def _place(settings: DataSettings, root: Path) -> tuple[str, Path]:
    """The key of data, and where it is kept."""
    if in_memory(settings.dataset):
        return settings.dataset, root / "own" / settings.dataset
    how = [settings.image_size, settings.color, settings.skip_bad, _FORMAT]
    content = json.dumps([identity(settings.dataset), how])
    key = hashlib.sha256(content.encode()).hexdigest()[:16]
    return key, root / "own" / f"{name_of(settings.dataset)}-{key}"


def keep(directory: Path, raw: Raw, facts: DataFacts, settings: DataSettings | None = None) -> None:
    """Keep data in the cache; what the same settings kept of the same place before is removed.

    Raises:
        OSError: the cache cannot be written.
    """
    arrays = {f"{part}_images": images for part, images, _ in raw.parts()}
    arrays |= {f"{part}_labels": labels for part, _, labels in raw.parts()}
    store(directory / _ARRAYS, written(arrays))
    values: dict[str, Any] = dataclasses.asdict(facts) | {"directory": None}
    if settings is not None:
        values["settings"] = dataclasses.asdict(settings) | {"classes": None}
        for other in directory.parent.glob(f"*/{_FACTS}"):
            if other.parent != directory and _settings(other) == values["settings"]:
                _remove(other.parent)
    store(directory / _FACTS, json.dumps(values).encode())


def _remove(directory: Path) -> None:
    for file in sorted(directory.glob("*"), key=lambda file: file.name != _FACTS):
        file.unlink(missing_ok=True)
    directory.rmdir()
    Path(f"{directory}.lock").unlink(missing_ok=True)


def _settings(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes()).get("settings")
    except (OSError, ValueError):
        return None


def _facts(directory: Path) -> DataFacts | None:
    """What was kept of data; None where nothing was, or nothing that is whole."""
    from dlsweep.data._facts import DataFacts

    try:
        values = json.loads((directory / _FACTS).read_bytes())
        values.pop("settings", None)
        tuples = {k: tuple(v) for k, v in values.items() if isinstance(v, list)}
        facts = DataFacts(**(values | tuples | {"directory": directory}))
    except (OSError, ValueError, TypeError):
        return None
    return facts if (directory / _ARRAYS).is_file() else None


def dataset_key(name: str, raw: Raw) -> str:
    """The reference of data given as arrays: its name, and what it consists of."""
    content = hashlib.sha256(json.dumps([name, raw.classes]).encode())
    for part, *arrays in raw.parts():
        for array in arrays:
            content.update(f"{part} {array.dtype} {array.shape}".encode())
            content.update(np.ascontiguousarray(array).data)
    return f"{name_of(name)}@{content.hexdigest()[:16]}"
