"""Getting the files of a data set: from the cache, else from its sources, into the cache."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from dlsweep._store import store
from dlsweep.config.errors import ConfigError, did_you_mean, fold
from dlsweep.data._cache import Damaged, cache_root, check, check_writable, read_checked
from dlsweep.parts import DATASETS, PublishedSet
from dlsweep.parts.data_sets._sources import Folder, Source, SourceError

_log = logging.getLogger("dlsweep.data")


class DataUnavailable(RuntimeError):
    """A data set that no source could deliver.

    Its text has one line for every source tried and why it failed, then what can be done by hand.

    Args:
        name: the data set.
        directory: its folder in the cache.
        tried: one line for each source.
        missing: name and MD5 of the files that are still missing.
    """

    def __init__(
        self, name: str, directory: Path, tried: Iterable[str], missing: Mapping[str, str]
    ) -> None:
        self.name = name
        self.directory = directory
        self.tried = tuple(tried)
        self.missing = dict(missing)
        # All of them, so that the error survives the way back from a worker process.
        super().__init__(name, directory, self.tried, self.missing)

    @property
    def problems(self) -> tuple[str, ...]:
        """The lines of the text, as in `dlsweep.config.errors.ConfigError`."""
        return (
            f"{self.name} is not here and could not be fetched. Tried:",
            *(f"  {line}" for line in self.tried),
            f"By hand: where there is a network, run `dlsweep data {self.name}` and copy its "
            f"folder; or put {_as_they_are(self.missing)} into",
            f"  {self.directory}",
            *(f"    {file}  (MD5 {md5}{_when(file)})" for file, md5 in self.missing.items()),
        )

    def __str__(self) -> str:
        return "\n".join(self.problems)


_PACKED = (".gz", ".bz2", ".zip", ".mat")


def _as_they_are(files: Iterable[str]) -> str:
    packed = all(file.endswith(_PACKED) for file in files)
    return (
        "these files, as they are published," if packed else "these files, as they are or as .gz,"
    )


def _when(file: str) -> str:
    return "" if file.endswith(_PACKED) else " when uncompressed"


def find(name: str) -> tuple[str, PublishedSet]:
    """A data set's canonical name and description, without regard to case, hyphen or underscore.

    Raises:
        ConfigError: there is no such data set.
    """
    for known, description in DATASETS.items():
        if fold(known) == fold(name):
            return known, description
    raise ConfigError([f"dataset={name!r}: no such data set{did_you_mean(name, DATASETS)}"])


def fetch(name: str, cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Make sure that a data set is in the cache, for use without network later on.

    Args:
        name: a key of `DATASETS`.
        cache_dir: the cache, or None for ``$DLSWEEP_DATA``, else ``$XDG_CACHE_HOME/dlsweep/data``,
            else ``~/.cache/dlsweep/data``.

    Returns:
        The data set's folder in the cache. A data set without files (digits) has nothing to fetch:
        its folder is not made.

    Raises:
        ConfigError: there is no such data set.
        DataUnavailable: no source could deliver it.
        OSError: the cache cannot be written.
    """
    name, description = find(name)
    directory = cache_root(cache_dir) / name
    if not all((directory / file).exists() for file in description.files):
        check_writable(directory)  # before anything is downloaded
    contents(name, description, directory, keep=store)
    return directory


def contents(
    name: str,
    description: PublishedSet,
    directory: Path,
    keep: Callable[[Path, bytes], object],
) -> dict[str, bytes]:
    """The raw contents of a data set's files, each checked against its MD5, from cache or sources.

    What is being tried and what is found damaged goes to the logger ``dlsweep.data``.

    Args:
        name: what the messages call the data set.
        description: its files and sources.
        directory: its folder in the cache.
        keep: puts a content that came from a source into the cache, at the given path. It is
            called as soon as each arrives, so that an interrupted download is not all lost.

    Returns:
        The contents of all files, by name.

    Raises:
        DataUnavailable: at least one file is in no source.
    """
    found: dict[str, bytes] = {}
    tried: list[str] = []
    for file, md5 in description.files.items():
        try:
            found[file] = read_checked(directory / file, md5)
        except FileNotFoundError:
            pass
        except Damaged as error:
            _log.warning("%s: damaged (%s); fetching it again", directory / file, error)
            tried.append(f"{directory / file}: {error}")
    for source in _sources(description, directory):
        wanted = [file for file in description.files if file not in found]
        if not wanted:
            break
        _log.info("%s: trying %s", name, source.name)
        reasons = []
        try:
            for file, content in source.files(wanted):
                try:
                    check(content, description.files[file])
                except Damaged as error:
                    reasons.append(f"{file}: {error}")
                else:
                    found[file] = content
                    keep(directory / file, content)
        except SourceError as error:
            reasons.append(str(error))
        lacking = [file for file in wanted if file not in found]
        if lacking:
            reason = "; ".join(reasons) or f"does not have {', '.join(lacking)}"
            tried.append(f"{source.name}: {reason}")
            _log.info("%s: %s", source.name, reason)
    missing = {file: md5 for file, md5 in description.files.items() if file not in found}
    if missing:
        raise DataUnavailable(name, directory, tried, missing)
    return found


def _sources(description: PublishedSet, directory: Path) -> Iterator[Source]:
    # Compressed files that somebody put into the cache by hand.
    if any((directory / f"{file}.gz").is_file() for file in description.files):
        yield Folder(directory, f"the compressed files in {directory}", suffixes=(".gz",))
    yield from description.sources()
