"""Pictures as people have them become images as a model takes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dlsweep.config import ConfigError
from dlsweep.saved import looks_inverted, read_image

SHAPE = (1, 28, 28)


def shoe() -> np.ndarray:
    """Something light on a dark ground, (28, 28)."""
    pixels = np.zeros((28, 28), np.uint8)
    pixels[12:20, 4:24] = np.arange(100, 260, 8, dtype=np.uint16).clip(0, 255).astype(np.uint8)
    return pixels


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA"])
def test_a_picture_of_the_size_stays_as_it_is(mode: str, tmp_path: Path):
    path = tmp_path / "p.png"
    Image.fromarray(shoe()).convert(mode).save(path)
    found = read_image(path, SHAPE)
    assert (found.dtype, found.shape) == (np.uint8, SHAPE)
    assert (found[0] == shoe()).all()


def test_sixteen_bits_keep_their_upper_eight(tmp_path: Path):
    path = tmp_path / "p.png"
    Image.fromarray(shoe().astype(np.uint16) * 257).save(path)
    assert (read_image(path, SHAPE)[0] == shoe()).all()


def test_one_bit(tmp_path: Path):
    path = tmp_path / "p.png"
    Image.fromarray(shoe() > 100).save(path)
    assert (read_image(path, SHAPE)[0] == np.where(shoe() > 100, 255, 0)).all()


def test_a_large_negative_in_colour_comes_back(tmp_path: Path):
    path = tmp_path / "p.jpg"
    large = Image.fromarray(255 - shoe()).resize((280, 280), Image.Resampling.NEAREST)
    large.convert("RGB").save(path, quality=95)
    found = read_image(path, SHAPE, invert=True)[0].astype(int)
    assert np.abs(found - shoe()).mean() < 6
    assert looks_inverted(read_image(path, SHAPE))
    assert not looks_inverted(read_image(path, SHAPE, invert=True))


@pytest.mark.parametrize(
    ("shade", "inverted"), [(255, True), (200, True), (127, False), (0, False)]
)
def test_a_picture_of_one_shade(shade: int, inverted: bool):
    assert looks_inverted(np.full(SHAPE, shade, np.uint8)) is inverted


def test_proportions_are_kept_and_the_rest_is_like_the_rim(tmp_path: Path):
    path = tmp_path / "p.png"
    Image.new("L", (100, 50), 40).save(path)
    assert (read_image(path, SHAPE) == 40).all()
    tall = np.full((56, 14), 200, np.uint8)
    tall[1:-1, 1:-1] = 0
    Image.fromarray(tall).save(path)
    found = read_image(path, SHAPE)[0]
    assert (found[:, :10] == 200).all()
    assert (found[:, -10:] == 200).all()
    assert found[14, 14] < 100


def test_what_is_transparent_is_background(tmp_path: Path):
    path = tmp_path / "p.png"
    seen = np.zeros((28, 28, 4), np.uint8)
    seen[12:20, 4:24] = (200, 200, 200, 255)
    Image.fromarray(seen).save(path)
    assert (read_image(path, SHAPE)[0] == np.where(seen[..., 3], 200, 0)).all()
    inverted = read_image(path, SHAPE, invert=True)[0]
    assert (inverted == np.where(seen[..., 3], 55, 0)).all()


def test_the_camera_says_which_way_is_up(tmp_path: Path):
    path = tmp_path / "p.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(np.rot90(shoe()).copy()).save(path, exif=exif)
    assert (read_image(path, SHAPE)[0] == shoe()).all()


def test_three_channels(tmp_path: Path):
    path = tmp_path / "p.png"
    pixels = np.random.default_rng(0).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    assert (read_image(path, (3, 5, 5)) == pixels.transpose(2, 0, 1)).all()
    assert read_image(path, (3, 8, 6)).shape == (3, 8, 6)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "no such file"),
        (b"", "not a PNG, JPEG, WebP, BMP, GIF, TIFF or PPM picture"),
        (b"GIF89a" + bytes(20), "not a PNG, JPEG, WebP, BMP, GIF, TIFF or PPM picture"),
        (b"half", "cannot be read"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(
    content: bytes | None, problem: str, tmp_path: Path
):
    path = tmp_path / "p.png"
    if content == b"half":
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90), np.uint8)).save(path)
        content = path.read_bytes()[:3000]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_image(path, SHAPE)
    [line] = caught.value.problems
    assert line.startswith(f"{path}: {problem}")
    assert "\n" not in line


def test_a_directory_is_no_picture(tmp_path: Path):
    with pytest.raises(ConfigError, match="a folder without pictures"):
        read_image(tmp_path, SHAPE)
