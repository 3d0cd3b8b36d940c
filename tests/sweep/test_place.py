"""Places: who has been at work in a folder of checkpoints, and who is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dlsweep.sweep._place import Place, new_owner

AT_WORK = """
import sys, time
from pathlib import Path
from dlsweep.sweep._place import Place, new_owner
owner = new_owner()
place = Place(Path(sys.argv[1]), owner)
place.enter()
print(owner, place.id, flush=True)
time.sleep(60)
"""


def test_a_place_keeps_its_name(tmp_path: Path):
    folder = tmp_path / "checkpoints" / "toy"
    one, other = Place(folder, new_owner()), Place(folder, new_owner())
    assert one.id == other.id == ""
    assert not folder.exists()  # it is made when it is needed
    one.enter()
    other.enter()
    assert one.id
    assert one.id == other.id == Place(folder, new_owner()).id
    one.clear()
    assert Place(folder, new_owner()).id == other.id  # somebody is still at work
    other.clear()
    assert list(tmp_path.iterdir()) == []


def test_of_a_process_that_was_killed_it_is_known(tmp_path: Path):
    here = Place(tmp_path / "checkpoints" / "toy", new_owner())
    command = [sys.executable, "-c", AT_WORK, str(tmp_path / "checkpoints" / "toy")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        owner, name = process.stdout.readline().split()
        here.enter()
        assert here.id == name
        assert not here.has_lost(owner)
        process.kill()
    assert here.has_lost(owner)
    assert not here.has_lost(f"elsewhere-{owner}")
    assert not here.has_lost(new_owner())
    here.clear()
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_a_place_is_nobody_elses(tmp_path: Path):
    (tmp_path / "checkpoints").write_text("no folder")
    one, other = (
        Place(tmp_path / "checkpoints" / "toy", new_owner()),
        Place(tmp_path / "checkpoints" / "toy", new_owner()),
    )
    one.enter()
    other.enter()
    assert one.id
    assert one.id != other.id
    one.clear()


def test_without_links_a_place_has_a_name_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("os.link", unsupported)
    one, other = (
        Place(tmp_path / "checkpoints" / "toy", new_owner()),
        Place(tmp_path / "checkpoints" / "toy", new_owner()),
    )
    one.enter()
    other.enter()
    assert one.id == other.id != ""
