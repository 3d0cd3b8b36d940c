from __future__ import annotations

import gzip
import logging
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from dlsweep.config.errors import ConfigError
from dlsweep.data import DataUnavailable, fetch, load
from dlsweep.parts import DATASETS
from dlsweep.parts.data_sets._sources import Source
from tests.data.fakes import FILES, Given, describe, toy

TOY = toy()
BAD = dict.fromkeys(FILES, b"<html>Please log in</html>")


@pytest.fixture(autouse=True)
def _hear_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="dlsweep.data")


def register(monkeypatch: pytest.MonkeyPatch, *sources: Source) -> None:
    monkeypatch.setitem(DATASETS, "toy_set", describe(TOY, *sources))


def kept(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_fetches_into_the_cache_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Given(TOY)
    register(monkeypatch, source)
    assert fetch("toy_set", tmp_path) == tmp_path / "toy_set"
    assert kept(tmp_path / "toy_set") == TOY
    fetch("toy_set", tmp_path)
    load("toy_set", cache_dir=tmp_path)
    assert source.asked == [list(FILES)]


def test_the_environments_cache_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLSWEEP_DATA", str(tmp_path / "there"))
    register(monkeypatch, Given(TOY))
    load("toy_set")
    assert kept(tmp_path / "there" / "toy_set") == TOY


@pytest.mark.parametrize("damage", [TOY[FILES[0]][:-100], b"", TOY[FILES[2]]], ids=len)
def test_a_damaged_file_is_told_and_fetched_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    damage: bytes,
) -> None:
    source = Given(TOY)
    register(monkeypatch, source)
    expected = load("toy_set", cache_dir=tmp_path)
    path = tmp_path / "toy_set" / FILES[0]
    path.write_bytes(damage)
    caplog.clear()

    found = load("toy_set", cache_dir=tmp_path)

    assert found.train.images.equal(expected.train.images)
    assert source.asked[1:] == [[FILES[0]]]
    assert path.read_bytes() == TOY[FILES[0]]
    (warning,) = (r.getMessage() for r in caplog.records if r.levelno == logging.WARNING)
    assert warning.startswith(f"{path}: damaged ({len(damage)} bytes with MD5 ")
    assert "\n" not in warning


def test_a_damaged_file_is_never_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, Given(TOY))
    fetch("toy_set", tmp_path)
    register(monkeypatch)
    # Still a well-formed file, with one other pixel.
    path = tmp_path / "toy_set" / FILES[0]
    path.write_bytes(TOY[FILES[0]][:-1] + b"\7")
    with pytest.raises(DataUnavailable) as caught:
        load("toy_set", cache_dir=tmp_path)
    assert list(caught.value.missing) == [FILES[0]]
    assert str(path) in str(caught.value)


def test_each_file_comes_from_the_first_source_that_has_it_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = Given({FILES[0]: TOY[FILES[0]]}, "the first", fails="the line broke")
    second = Given({**BAD, FILES[3]: TOY[FILES[3]]}, "the second")
    third = Given(TOY, "the third")
    fourth = Given(TOY, "the fourth")
    register(monkeypatch, first, second, third, fourth)
    fetch("toy_set", tmp_path)
    assert kept(tmp_path / "toy_set") == TOY
    assert (second.asked, third.asked, fourth.asked) == ([list(FILES[1:])], [list(FILES[1:3])], [])
    told = [record.getMessage() for record in caplog.records]
    assert told[:3] == [
        "toy_set: trying the first",
        "the first: the line broke",
        "toy_set: trying the second",
    ]
    assert told[3].startswith(f"the second: {FILES[1]}: {len(BAD[FILES[1]])} bytes with MD5")
    assert told[4:] == ["toy_set: trying the third"]


def test_what_arrived_before_a_failure_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, Given({FILES[0]: TOY[FILES[0]]}, fails="the line broke"))
    with pytest.raises(DataUnavailable):
        fetch("toy_set", tmp_path)
    again = Given(TOY)
    register(monkeypatch, again)
    fetch("toy_set", tmp_path)
    assert again.asked == [list(FILES[1:])]


def test_when_all_sources_fail_all_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(
        monkeypatch,
        Given({}, "the mirror", fails="Name or service not known"),
        Given(BAD, "the portal"),
        Given({FILES[1]: TOY[FILES[1]]}, "the half"),
    )
    with pytest.raises(DataUnavailable) as caught:
        load("toy_set", cache_dir=tmp_path)
    error = caught.value
    mirror, portal, half = error.tried
    assert mirror == "the mirror: Name or service not known"
    assert portal.startswith("the portal: ")
    assert all(name in portal for name in FILES)
    assert half == f"the half: does not have {FILES[0]}, {FILES[2]}, {FILES[3]}"
    lines = str(error).splitlines()
    assert lines == list(error.problems)
    assert lines[1:4] == [f"  {line}" for line in error.tried]
    assert f"  {tmp_path / 'toy_set'}" in lines
    assert [name for name in FILES if name in "\n".join(lines[4:])] == [
        name for name in FILES if name != FILES[1]
    ]
    assert "dlsweep data toy_set" in str(error)


def test_data_unavailable_comes_back_from_a_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch)
    with pytest.raises(DataUnavailable) as caught:
        fetch("toy_set", tmp_path)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(copy, DataUnavailable)
    assert str(copy) == str(caught.value)


@pytest.mark.parametrize("compressed", [False, True])
def test_what_is_to_be_done_by_hand_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compressed: bool
) -> None:
    register(monkeypatch)
    with pytest.raises(DataUnavailable) as caught:
        load("toy_set", cache_dir=tmp_path)
    caught.value.directory.mkdir()
    for name in caught.value.missing:
        if compressed:
            (caught.value.directory / f"{name}.gz").write_bytes(gzip.compress(TOY[name]))
        else:
            (caught.value.directory / name).write_bytes(TOY[name])
    assert len(load("toy_set", cache_dir=tmp_path).train) == 90


def test_a_cache_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    register(monkeypatch, Given(TOY))
    assert len(load("toy_set", cache_dir=tmp_path).train) == 90
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert warnings[0].endswith("not kept for the next time (No space left on device)")
    with pytest.raises(OSError, match="No space left"):
        fetch("toy_set", tmp_path)


def test_nothing_is_downloaded_for_a_cache_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frozen: Callable[[Path], None]
) -> None:
    register(monkeypatch, source := Given(TOY))
    (there := tmp_path / "there" / "toy_set").mkdir(parents=True)
    (lacking := tmp_path / "lacking").mkdir()
    frozen(there)
    frozen(lacking)
    for cache, named in ((there.parent, there), (lacking, lacking / "toy_set")):
        with pytest.raises(PermissionError) as caught:
            fetch("toy_set", cache)
        assert caught.value.filename == str(named)
    assert source.asked == []


def test_a_cache_that_is_complete_is_only_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frozen: Callable[[Path], None]
) -> None:
    register(monkeypatch, Given(TOY))
    fetch("toy_set", tmp_path)
    frozen(tmp_path / "toy_set")
    assert fetch("toy_set", tmp_path) == tmp_path / "toy_set"


def test_names_are_forgiving_and_wrong_ones_are_corrected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, Given(TOY))
    assert fetch("Toy-Set", tmp_path) == tmp_path / "toy_set"
    with pytest.raises(ConfigError, match=r"dataset='fashion_mnits': .* 'fashion_mnist'"):
        fetch("fashion_mnits", tmp_path)


def test_digits_need_no_file(tmp_path: Path) -> None:
    assert fetch("digits", tmp_path) == tmp_path / "digits"
    assert list(tmp_path.iterdir()) == []
