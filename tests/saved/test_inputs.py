"""Photographs, scans and drawings of strokes become images like those a model was trained on."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from benchmarks.photographs import KINDS, photographs
from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import Dataset, load
from dlsweep.saved import Model, encode_model, load_model, prepare_image, read_rows, save_model
from dlsweep.training import train_stack

SETTINGS = RunConfig(dataset="digits", epochs=1, hidden_size=8)


def drawn(n: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Strokes as MNIST has them, (n, 28, 28): an L, a slash or a cross; and which, (n,).

    Drawn at a larger size, scaled to 20 pixels and centred by mass.
    """
    from scipy import ndimage

    images, labels = np.zeros((n, 28, 28), np.uint8), np.arange(n) % 3
    for image, label in zip(images, labels, strict=True):
        large = np.zeros((120, 120))
        width = int(random.integers(10, 18))
        side = int(random.integers(60, 100))
        if label == 0:
            large[10:110, 10 : 10 + width] = large[110 - width : 110, 10 : 10 + side] = 1
        else:
            for step in range(100 - width):
                large[10 + step : 10 + step + width, 10 + step * side // 100 :][:, :width] = 1
            if label == 2:
                large = np.maximum(large, large[::-1])
        rows, columns = ndimage.find_objects(large.astype(int))[0]
        part = Image.fromarray((large[rows, columns] * 255).astype(np.uint8))
        scale = 20 / max(part.size)
        size = (round(part.width * scale), round(part.height * scale))
        small = np.asarray(part.resize(size, Image.Resampling.BOX))
        at = ndimage.center_of_mass(small)
        top, left = round(14 - at[0]), round(14 - at[1])
        image[top : top + small.shape[0], left : left + small.shape[1]] = small
    return images, labels


def off(found: np.ndarray, image: np.ndarray) -> float:
    """The mean difference of two images, but for a pixel by which the centre may be rounded."""
    moved = [np.roll(found, shift, (0, 1)).astype(int) for shift in np.ndindex(3, 3)]
    return min(float(np.abs(np.roll(m, (-1, -1), (0, 1)) - image).mean()) for m in moved)


@pytest.fixture(scope="module")
def strokes() -> Dataset:
    images, labels = drawn(600, np.random.default_rng(0))
    return Dataset.of(images, labels, classes=["L", "slash", "cross"], name="strokes")


@pytest.fixture(scope="module")
def file(strokes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = dataclasses.replace(SETTINGS, hidden_size=32, epochs=12)
    [result] = train_stack([settings], strokes)
    assert result.test.accuracy == 1
    return save_model(tmp_path_factory.mktemp("m") / "m", encode_model(result, strokes))


@pytest.fixture(scope="module")
def model(file: Path) -> Model:
    return load_model(file)


def test_the_framing_of_the_training_images_is_kept(model: Model):
    framing = model.inputs.framing
    assert framing is not None
    assert (framing.box, framing.by_mass, framing.dark) == (20, True, False)
    assert framing.centre == pytest.approx((14, 14), abs=0.6)
    assert model.inputs.dark_ground


def test_digits_fill_their_eight_pixels():
    [result] = train_stack([SETTINGS], load("digits"))
    content = encode_model(result, load("digits"))
    assert len(content) < 20_000
    metadata = json.loads(
        json.loads(content[8 : 8 + content[0] + 256 * content[1]])["__metadata__"]["inputs"]
    )
    assert metadata["framing"]["box"] == 8


def test_photographs_of_every_kind_are_read(model: Model, tmp_path: Path):
    images, labels = drawn(60, np.random.default_rng(1))
    prepared, truth, kinds = [], [], []
    for i, made in enumerate(photographs(64, images, labels, seed=3)):
        if made.source == "mnist":  # drawn here; type is not what this model knows
            made.picture.save(tmp_path / f"{i}{made.suffix}", quality=70)
            prepared.append(prepare_image(tmp_path / f"{i}{made.suffix}", model))
            truth.append(made.label)
            kinds.append(made.kind)
    assert set(kinds) == set(KINDS)
    found = model.predict(np.stack([p.pixels for p in prepared])).argmax(axis=1)
    right = found == truth
    assert right.mean() >= 0.9, [k for k, r in zip(kinds, right, strict=True) if not r]


def test_an_image_of_the_data_set_stays_as_it_is(model: Model, tmp_path: Path):
    path = tmp_path / "p.png"
    for image in drawn(6, np.random.default_rng(2))[0]:
        Image.fromarray(image).save(path)
        found = prepare_image(path, model)
        assert (found.pixels[0] == image).all()
        assert not found.notices


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("shade", [0, 235])
def test_strokes_on_transparency(mode: str, shade: int, model: Model, tmp_path: Path):
    [image], _ = drawn(1, np.random.default_rng(4))
    alpha = Image.fromarray(image).resize((140, 140), Image.Resampling.BICUBIC)
    level = Image.new("L", alpha.size, shade)
    path = tmp_path / "p.png"
    if mode == "RGBA":
        Image.merge("RGBA", (level, level, level, alpha)).save(path)
    elif mode == "LA":
        Image.merge("LA", (level, alpha)).save(path)
    else:
        palette = Image.new("P", alpha.size)
        palette.putdata((np.asarray(alpha) > 127).astype(int).ravel().tolist())
        palette.putpalette([9, 99, 9, shade, shade, shade])
        palette.save(path, transparency=0)
    found = prepare_image(path, model)
    assert ("on white" if shade == 0 else "on black") in found.done
    assert off(found.pixels[0], image) < 8
    whole = prepare_image(path, model, as_is=True).pixels[0].astype(int)
    assert np.abs(whole - (255 - image if shade == 0 else image)).mean() < 20


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("colour", [False, True])
def test_few_bits_of_sixteen(bits: int, colour: bool, tmp_path: Path, model: Model):
    levels = np.linspace(0, 2**bits - 1, 28 * 28).astype(np.uint16).reshape(28, 28)
    path = tmp_path / "p.png"
    if colour:  # Pillow cannot write these
        path.write_bytes(_png16(np.repeat(levels[..., None], 3, axis=2)))
    else:
        Image.fromarray(levels).save(path)
    found = prepare_image(path, model, as_is=True)
    assert (
        np.abs(found.pixels[0].astype(int) - levels.astype(int) * 255 // (2**bits - 1)).max() <= 1
    )
    assert any(f"fill {bits} bits only" in notice for notice in found.notices) is (bits < 16)


def _png16(pixels: np.ndarray) -> bytes:
    """A PNG of 16 bits a colour."""
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    height, width = pixels.shape[:2]
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in pixels)
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def test_what_is_blank_or_unlike_is_noticed(model: Model, tmp_path: Path):
    random = np.random.default_rng(5)
    path = tmp_path / "p.png"

    def notices(pixels: np.ndarray, **how: bool) -> str:
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        return " ".join(prepare_image(path, model, **how).notices)

    paper = 200 + random.normal(0, 3, (90, 70)) + np.linspace(0, 30, 70)
    assert "nearly blank" in notices(paper)
    assert "nearly blank" in notices(np.full((28, 28), 3), as_is=True)
    assert "unlike the images" in notices(random.integers(0, 256, (28, 28)), as_is=True)
    assert "dark on a light ground" in notices(255 - drawn(1, random)[0][0], as_is=True)
    page = np.zeros((60, 120))
    page[20:40, 20:24] = page[20:42, 80:84] = 255
    assert "more than one" in notices(page)


def test_a_file_of_an_older_version_is_read_as_a_whole(file: Path, tmp_path: Path):
    with safe_open(file, "np") as opened:
        metadata = opened.metadata()
    del metadata["inputs"]
    weights = {k: v for k, v in load_file(file).items() if not k.startswith("inputs/")}
    save_file(weights, tmp_path / "old", metadata)
    [image], _ = drawn(1, np.random.default_rng(6))
    Image.fromarray(255 - image).resize((280, 280)).save(tmp_path / "p.png")
    old = load_model(tmp_path / "old")
    found = prepare_image(tmp_path / "p.png", old)
    assert found.pixels[0, 0, 0] == 255
    assert "try --invert" in found.notices[0]
    inverted = prepare_image(tmp_path / "p.png", old, invert=True)
    assert np.abs(inverted.pixels[0].astype(int) - image).mean() < 10


@pytest.fixture(scope="module")
def clothes(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Shirts and trousers, solid and light on black, as Fashion-MNIST has them."""
    random = np.random.default_rng(7)
    images, labels = np.zeros((400, 28, 28), np.uint8), np.arange(400) % 2
    for image, label in zip(images, labels, strict=True):
        shade = random.integers(90, 250)
        if label:
            image[:, 8:20] = shade
            image[6:, 13:15] = 0
        else:
            image[:, 7:21] = image[2 : int(random.integers(8, 14))] = shade
    data = Dataset.of(images, labels, classes=["Shirt", "Trouser"], name="clothes")
    [result] = train_stack([dataclasses.replace(SETTINGS, epochs=5)], data)
    path = tmp_path_factory.mktemp("c") / "m"
    return load_model(save_model(path, encode_model(result, data)))


def test_a_shirt_on_a_white_ground(clothes: Model, tmp_path: Path):
    assert clothes.inputs.framing is None
    photo = np.full((300, 300, 3), 250, np.uint8)
    photo[30:270, 95:205] = photo[45:120, 30:270] = (40, 60, 120)
    path = tmp_path / "shirt.jpg"
    Image.fromarray(photo).save(path)
    found = prepare_image(path, clothes)
    assert "inverted; --as_is" in found.notices[0]
    assert clothes.classes[int(clothes.predict(found.pixels[0]).argmax())] == "Shirt"
    assert (found.pixels == prepare_image(path, clothes, invert=True).pixels).all()
    assert "try --invert" in prepare_image(path, clothes, as_is=True).notices[0]


@pytest.mark.parametrize("shape", [(3, 12, 20), (1, 20, 9)])
def test_colour_and_any_size(shape: tuple[int, int, int], tmp_path: Path):
    random = np.random.default_rng(8)
    images = random.integers(0, 256, (200, *shape)).astype(np.uint8)
    data = Dataset.of(images, np.arange(200) % 2)
    [result] = train_stack([SETTINGS], data)
    model = load_model(save_model(tmp_path / "m", encode_model(result, data)))
    Image.fromarray(random.integers(0, 256, (50, 40, 3)).astype(np.uint8)).save(tmp_path / "p.png")
    found = prepare_image(tmp_path / "p.png", model)
    assert found.pixels.shape == shape
    assert model.predict(found.pixels[None]).shape == (1, 2)


def test_rows_of_a_table(tmp_path: Path):
    random = np.random.default_rng(9)
    features = random.normal(50, 20, (200, 4))
    labels = (features[:, 0] > 50).astype(int)
    data = Dataset.of(features, labels)
    [result] = train_stack([dataclasses.replace(SETTINGS, epochs=3)], data)
    model = load_model(save_model(tmp_path / "m", encode_model(result, data)))
    assert model.inputs.framing is None

    few = features[:3]
    bare, whole, array = (tmp_path / name for name in ("bare.csv", "whole.csv", "rows.npz"))
    np.savetxt(bare, few, "%.17g", ",")
    lines = [",".join([str(i), *map(repr, row.tolist()), "b"]) for i, row in enumerate(few)]
    whole.write_text("\n".join(["id,a,b,c,d,label", *lines]))
    np.savez(array, x=few)
    expected = model.scaling.apply(few.reshape(3, 1, 1, 4)).numpy()
    for path in (bare, whole, array):
        assert read_rows(path, model) == pytest.approx(expected, rel=1e-6)
    for content, problem in [
        ("1,2\n", "has 2 columns; the model takes 4 features"),
        ("1,2,3,x\n", "line 1: 'x' is not a number"),
        ("a,b,c,d\n1,2,3\n", "line 2 has 3 columns"),
        ("1,2,3,nan\n", "not all of its numbers are finite"),
    ]:
        bare.write_text(content)
        with pytest.raises(ConfigError, match=problem):
            read_rows(bare, model)


def test_nothing_is_learned_from_a_handful():
    images = torch.zeros(40, 1, 8, 8)
    images[:, :, 2:5] = torch.rand(40, 1, 3, 8)
    data = Dataset.of(images, np.arange(40) % 2)
    [result] = train_stack([SETTINGS], data)
    assert encode_model(result, data)
