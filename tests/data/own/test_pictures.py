"""A folder with a sub-folder of pictures for each class."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import Dataset, check_data, describe, load
from dlsweep.data.own import _own


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DLSWEEP_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


def picture(path: Path, shade: int | tuple[int, ...], size: tuple[int, int] = (6, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L" if isinstance(shade, int) else "RGB", size, shade).save(path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Classes of 20 and 10 pictures, 6 wide and 4 high, each of a shade of its own."""
    for i in range(20):
        picture(tmp_path / "my photos" / "Night" / f"{i}.png", i)
    for i in range(10):
        picture(tmp_path / "my photos" / "day, or dawn" / "2024" / f"{i}.png", 200 + i)
    (tmp_path / "my photos" / "Night" / "notes.txt").write_text("taken in May")
    (tmp_path / "my photos" / ".hidden").mkdir()
    return tmp_path / "my photos"


def shades(data: Dataset, split: str) -> list[int]:
    images = getattr(data, split).images
    assert (images == images[:, :1, :1, :1]).all()
    return (images[:, 0, 0, 0] * 255).round().int().tolist()


def test_a_folder_without_splits_is_split(photos: Path) -> None:
    data = load(str(photos))
    assert data.classes == ("Night", "day, or dawn")
    assert data.image_shape == (1, 4, 6)
    assert [len(s) for s in (data.train, data.val, data.test)] == [21, 3, 6]
    for split in ("train", "val", "test"):
        labels = getattr(data, split).labels
        assert [shade >= 200 for shade in shades(data, split)] == [int(v) == 1 for v in labels]
        assert labels.bincount(minlength=2).tolist() == {"train": [14, 7], "val": [2, 1]}.get(
            split, [4, 2]
        )
    everything = sorted(shades(data, "train") + shades(data, "val") + shades(data, "test"))
    assert everything == [*range(20), *range(200, 210)]
    again = load(str(photos))
    assert again.test.images.equal(data.test.images)
    notes = describe(RunConfig(dataset=str(photos))).notes
    assert any("no test split is given" in note for note in notes)
    assert any("1 file is not a picture and is left out" in note for note in notes)


def arranged(folder: Path, parts: Mapping[str, Mapping[str, int]]) -> Path:
    shade = 0
    for part, classes in parts.items():
        for name, count in classes.items():
            for _ in range(count):
                picture(folder / part / name / f"{shade}.png", shade)
                shade += 1
    return folder


def test_splits_that_are_given_are_used_as_they_are(tmp_path: Path) -> None:
    both = {"a": 5, "b": 3}
    folder = arranged(tmp_path / "x", {"train": both, "valid": {"a": 2, "b": 1}, "Test": {"a": 2}})
    data = load(str(folder), val_fraction=0.5)  # of no effect
    assert shades(data, "train") == [*range(8)]
    assert shades(data, "val") == [8, 9, 10]
    assert shades(data, "test") == [11, 12]
    facts = describe(RunConfig(dataset=str(folder)))
    assert (facts.train, facts.val, facts.test) == ((5, 3), (2, 1), (2, 0))
    assert len(load(str(folder), train_size=4).train) == 4


def test_a_class_that_the_training_images_lack_is_refused_by_name(tmp_path: Path) -> None:
    folder = arranged(tmp_path / "x", {"train": {"1": 9, "2": 9}, "test": {"1": 2, "7": 2}})
    with pytest.raises(ConfigError) as error:
        check_data(RunConfig(dataset=str(folder)))
    (line,) = error.value.problems
    assert "class 7 is in the test images and not in the training images" in line


def test_classes_that_are_numbers_are_in_their_order(tmp_path: Path) -> None:
    folder = arranged(tmp_path / "x", {"train": {str(i): 5 for i in range(8, 13)}})
    assert load(str(folder), val_fraction=0.4).classes == ("8", "9", "10", "11", "12")


def test_colours_are_kept_where_there_are_any(photos: Path) -> None:
    name = str(photos)
    picture(photos / "Night" / "gray as RGB.png", (9, 9, 9))
    assert load(name).image_shape == (1, 4, 6)
    picture(photos / "Night" / "red.png", (255, 0, 0))
    data = load(name)
    assert data.image_shape == (3, 4, 6)
    whole = np.concatenate([s.images.numpy() for s in (data.train, data.val, data.test)])
    (red,) = (image for image in whole if (image[0] != image[1]).any())
    assert (red[0].min(), red[1:].max()) == (1.0, 0.0)
    gray = load(name, color="false")
    assert gray.image_shape == (1, 4, 6)
    whole = np.concatenate([s.images.numpy() for s in (gray.train, gray.val, gray.test)])
    assert 76 in (whole * 255).round().astype(int)  # 0.299 of red


def test_sizes_that_differ_need_image_size(photos: Path) -> None:
    picture(photos / "Night" / "tall.png", 30, size=(5, 9))
    with pytest.raises(ConfigError) as error:
        load(str(photos))
    (line,) = error.value.problems
    assert "2 sizes, from 4×6 to 9×5 (height × width)" in line
    assert line.endswith("--image_size 4x6")
    assert load(str(photos), image_size="8x3").image_shape == (1, 8, 3)
    assert describe(RunConfig(dataset=str(photos), image_size=7)).image_shape == (1, 7, 7)


def test_damaged_pictures_are_listed_or_left_out(photos: Path) -> None:
    good = (photos / "Night" / "3.png").read_bytes()
    (photos / "Night" / "3.png").write_bytes(good[:40])
    (photos / "Night" / "4.png").write_text("not a picture")
    with pytest.raises(ConfigError) as error:
        load(str(photos))
    first, *others = error.value.problems
    assert "2 pictures cannot be read; --skip_bad leaves them out" in first
    assert sorted(line.split(":")[0].strip() for line in others) == ["Night/3.png", "Night/4.png"]
    data = load(str(photos), skip_bad=True)
    kept = sorted(shades(data, "train") + shades(data, "val") + shades(data, "test"))
    assert kept == [i for i in [*range(20), *range(200, 210)] if i not in (3, 4)]
    notes = describe(RunConfig(dataset=str(photos), skip_bad=True)).notes
    assert "2 of 30 pictures cannot be read and are left out" in notes


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda folder: None, "no such file or folder"),
        (lambda folder: folder.mkdir(), "got no pictures in its folders"),
        (lambda folder: picture(folder / "1.png", 3), "got 1 pictures, but not in folders"),
        (lambda folder: arranged(folder, {".": {"a": 4}}), "got only 'a' as class, expected 2"),
        (lambda folder: arranged(folder, {"train": {"a": 1, "b": 1}}), "too few to hold out"),
        (
            lambda folder: arranged(folder, {"train": {"a": 9, "b": 9}, "cats": {"a": 3}}),
            "got the folder cats: beside train there can be val and test only",
        ),
    ],
)
def test_what_is_no_such_folder_is_refused_in_a_line(tmp_path: Path, make, line: str) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "pictures"
    make(folder)
    with pytest.raises(ConfigError) as error:
        check_data(RunConfig(dataset=str(folder)))
    (problem,) = error.value.problems
    assert line in problem
    assert str(folder) in problem


def test_pictures_of_every_kind(tmp_path: Path) -> None:
    """Palettes, transparency, 16 bits, one bit, and pictures that lie on their sides."""
    folder = tmp_path / "x"
    (folder / "a").mkdir(parents=True)
    (folder / "b").mkdir()
    strokes = Image.new("RGBA", (6, 4), (0, 0, 0, 0))
    strokes.paste((0, 0, 0, 255), (0, 0, 3, 4))
    strokes.save(folder / "a" / "transparent.png")  # black on nothing: nothing becomes white
    Image.fromarray(np.full((4, 6), 65535, np.uint16)).save(folder / "a" / "sixteen.png")
    Image.new("1", (6, 4), 1).save(folder / "a" / "bit.png")
    Image.new("RGB", (6, 4), (50, 50, 50)).quantize(8).save(folder / "a" / "palette.gif")
    turned = Image.new("L", (4, 6), 77)
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(folder / "b" / "turned.jpg", exif=exif)
    for i in range(3):
        picture(folder / "b" / f"{i}.bmp", 10)
    data = load(str(folder), val_fraction=0.4)
    assert data.image_shape == (1, 4, 6)
    whole = np.concatenate([s.images.numpy() for s in (data.train, data.val, data.test)])
    means = sorted((whole.mean((1, 2, 3)) * 255).round().astype(int).tolist())
    assert means == [10, 10, 10, 50, 77, 128, 255, 255]


def test_pictures_that_memory_cannot_hold_are_refused(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dlsweep.data.own._pictures.available_memory", lambda: 4_000)
    load(str(photos))  # 30 pictures of 24 pixels take 3,600 bytes
    with pytest.raises(ConfigError, match="30 pictures of 40×40 take"):
        load(str(photos), image_size="40x40")


# The cache


def test_pictures_are_read_once_and_again_where_the_folder_has_changed(
    photos: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    real = _own.read
    monkeypatch.setattr(_own, "read", lambda s: (reads.append(s.dataset), real(s))[1])
    config = RunConfig(dataset=str(photos))
    before = check_data(config)
    assert before.directory is not None
    load(config.dataset)
    check_data(config)
    load(config.dataset, val_fraction=0.3, train_size=12)
    assert len(reads) == 1

    picture(photos / "Night" / "5.png", 99)
    os.utime(photos / "Night" / "5.png", (1, 1))
    after = check_data(config)
    assert len(reads) == 2
    assert after.train == before.train
    data = load(config.dataset)
    assert 99 in shades(data, "train") + shades(data, "val") + shades(data, "test")
    assert [p.name for p in (cache / "own").iterdir() if p.is_dir()] == [after.directory.name]  # type: ignore[union-attr]


def test_a_damaged_cache_is_read_again(photos: Path) -> None:
    config = RunConfig(dataset=str(photos))
    directory = check_data(config).directory
    assert directory is not None
    content = bytearray((directory / "arrays").read_bytes())
    content[len(content) // 2] ^= 1
    (directory / "arrays").write_bytes(bytes(content))
    assert load(config.dataset).image_shape == (1, 4, 6)
    assert (directory / "facts.json").is_file()


def test_a_cache_that_cannot_be_written_costs_a_warning(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("in the way")
    assert len(load(str(photos)).train) == 21
    assert "not kept for the next time" in caplog.text
