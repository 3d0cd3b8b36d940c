"""Pictures of digits as people photograph, scan and draw them, with what each shows.

    python -m benchmarks.photographs FOLDER            writes 400 pictures and labels.csv
    python -m benchmarks.photographs FOLDER --model MODEL [--as_is]   says how many a model reads

Half of the digits are MNIST's test images, drawn again at other sizes; half are set in matplotlib's
own fonts. They lie anywhere on shaded paper or a board, in pens of many colours, with noise, blur
and JPEG's artefacts, or on a transparent ground. Everything comes from the seed.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Random = np.random.Generator

FONTS = (
    "DejaVuSans.ttf",
    "DejaVuSans-Oblique.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSerif.ttf",
    "DejaVuSansMono.ttf",
    "STIXGeneral.ttf",
    "cmr10.ttf",
)


@dataclass(frozen=True, eq=False)
class Photograph:
    """A picture and what it shows.

    Attributes:
        kind: of picture, such as paper or transparent.
        source: mnist or font.
        label: the digit.
        picture: to be written to a file.
        suffix: of that file: .png or .jpg.
    """

    kind: str
    source: str
    label: int
    picture: Image.Image
    suffix: str


def photographs(
    count: int, images: np.ndarray, labels: np.ndarray, seed: int = 0
) -> Iterator[Photograph]:
    """Make pictures, as many of each kind.

    Args:
        count: how many.
        images: of real digits, uint8 (N, 28, 28), light on dark.
        labels: what they show, (N,).
        seed: of everything that is drawn.
    """
    random = np.random.default_rng(seed)
    kinds = list(KINDS)
    for i in range(count):
        if i % 2:
            n = int(random.integers(len(images)))
            source, label, ink = "mnist", int(labels[n]), Image.fromarray(images[n])
        else:
            source, label = "font", int(random.integers(10))
            ink = _set_in_type(str(label), random)
        kind = kinds[i // 2 % len(kinds)]
        picture, suffix = KINDS[kind](ink, random)
        yield Photograph(kind, source, label, picture, suffix)


def _set_in_type(text: str, random: Random) -> Image.Image:
    """A digit in one of the fonts, light on dark, with a small margin."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    font = ImageFont.truetype(folder / str(random.choice(FONTS)), 160)
    canvas = Image.new("L", (280, 280))
    ImageDraw.Draw(canvas).text((140, 140), text, fill=255, font=font, anchor="mm")
    return canvas.rotate(float(random.uniform(-8, 8)), Image.Resampling.BICUBIC)


def _placed(ink: Image.Image, random: Random, *, smallest: float = 0.15) -> np.ndarray:
    """How much ink there is in each pixel of a sheet, 0 to 1: a digit of some size somewhere."""
    width, height = int(random.integers(200, 1400)), int(random.integers(200, 1000))
    cropped = ink.crop(ink.point(lambda level: 255 * (level > 60)).getbbox())
    tall = max(24, int(random.uniform(smallest, 0.8) * min(width, height)))
    factor = tall / max(cropped.size)
    size = [max(2, round(side * factor)) for side in cropped.size]
    drawn = cropped.resize((size[0], size[1]), Image.Resampling.BICUBIC)
    sheet = np.zeros((height, width))
    free = int(random.integers(3, 12))
    left = int(random.integers(free, max(free + 1, width - size[0] - free)))
    top = int(random.integers(free, max(free + 1, height - size[1] - free)))
    part = np.asarray(drawn, float)[: height - top, : width - left] / 255
    sheet[top : top + part.shape[0], left : left + part.shape[1]] = part
    return sheet


def _light(shape: tuple[int, ...], random: Random, least: float = 0.45) -> np.ndarray:
    """Uneven light on a sheet: a gradient, the darkening of the corners, now and then a shadow."""
    rows, columns = (np.linspace(-1, 1, side) for side in shape)
    y, x = np.meshgrid(rows, columns, indexing="ij")
    angle = random.uniform(0, 2 * np.pi)
    slope = (np.cos(angle) * x + np.sin(angle) * y + 1.42) / 2.84
    light = 1 - (1 - least) * random.uniform(0.2, 1) * slope
    light *= 1 - random.uniform(0, 0.15) * (x**2 + y**2)
    if random.random() < 0.3:  # of the hand that holds the camera: its edge is soft
        angle, at = random.uniform(0, 2 * np.pi), random.uniform(-0.5, 0.5)
        edge = (np.cos(angle) * x + np.sin(angle) * y - at) * 12
        light *= 1 - random.uniform(0.1, 0.35) / (1 + np.exp(-edge))
    return np.asarray(light)


def _camera(levels: np.ndarray, random: Random) -> Image.Image:
    """What a camera makes of colours (H, W, 3) from 0 to 1."""
    from scipy import ndimage

    blurred = ndimage.gaussian_filter(levels, (*(2 * [random.uniform(0.3, 1.5)]), 0))
    noisy = blurred + random.normal(0, random.uniform(0.005, 0.03), levels.shape)
    return Image.fromarray((noisy.clip(0, 1) * 255).astype(np.uint8))


def _paper(ink: Image.Image, random: Random) -> tuple[Image.Image, str]:
    sheet = _placed(ink, random)
    paper, pen = random.uniform(0.75, 1, 3) * random.uniform(0.8, 1), random.uniform(0, 0.45, 3)
    levels = paper + sheet[..., None] * random.uniform(0.75, 1) * (pen - paper)
    return _camera(levels * _light(sheet.shape, random)[..., None], random), ".jpg"


def _pencil(ink: Image.Image, random: Random) -> tuple[Image.Image, str]:
    sheet = _placed(ink, random, smallest=0.3)
    grain = random.uniform(0.75, 1, sheet.shape)
    levels = (0.9 - sheet * grain * random.uniform(0.25, 0.5)) * _light(sheet.shape, random, 0.6)
    return _camera(np.repeat(levels[..., None], 3, axis=2), random), ".jpg"


def _board(ink: Image.Image, random: Random) -> tuple[Image.Image, str]:
    sheet = _placed(ink, random)
    board, chalk = random.uniform(0.05, 0.3, 3), random.uniform(0.7, 1, 3)
    levels = board + sheet[..., None] * random.uniform(0.7, 1) * (chalk - board)
    return _camera(levels * _light(sheet.shape, random)[..., None], random), ".jpg"


def _scan(ink: Image.Image, random: Random) -> tuple[Image.Image, str]:
    return Image.fromarray(((1 - _placed(ink, random)) * 255).astype(np.uint8)), ".png"


def _screen(ink: Image.Image, random: Random) -> tuple[Image.Image, str]:
    return Image.fromarray((_placed(ink, random) * 255).astype(np.uint8)), ".png"


def _transparent(ink: Image.Image, random: Random) -> tuple[Image.Image, str]:
    sheet = _placed(ink, random)
    colour = random.uniform(0, 110, 3) if random.random() < 0.6 else random.uniform(150, 255, 3)
    seen = np.zeros((*sheet.shape, 4), np.uint8)
    seen[..., :3] = colour.astype(np.uint8)
    seen[..., 3] = (sheet * 255).astype(np.uint8)
    return Image.fromarray(seen), ".png"


def _tight(ink: Image.Image, random: Random) -> tuple[Image.Image, str]:
    """Cropped closely, as a drawing program's export is."""
    box = ink.point(lambda level: 255 * (level > 60)).getbbox()
    margin = int(random.integers(0, 3))
    left, top, right, bottom = box or (0, 0, *ink.size)
    drawn = ink.crop((left - margin, top - margin, right + margin, bottom + margin))
    drawn = drawn.resize((drawn.width * 6, drawn.height * 6), Image.Resampling.BICUBIC)
    levels = np.asarray(drawn)
    return Image.fromarray(levels if random.random() < 0.4 else 255 - levels), ".png"


def _deep(ink: Image.Image, random: Random) -> tuple[Image.Image, str]:
    """Few bits of a 16-bit file."""
    levels = _placed(ink, random) * 0.8 * (2 ** int(random.choice((8, 12))) - 1)
    return Image.fromarray(levels.astype(np.uint16)), ".png"


KINDS: dict[str, Callable[[Image.Image, Random], tuple[Image.Image, str]]] = {
    "paper": _paper,
    "pencil": _pencil,
    "board": _board,
    "scan": _scan,
    "screen": _screen,
    "transparent": _transparent,
    "tight": _tight,
    "16 bits": _deep,
}


def write(folder: Path, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Write pictures of MNIST's test digits and of fonts, and labels.csv; return its rows."""
    from dlsweep.data import load

    test = load("mnist").test
    images = (test.images[:, 0].numpy() * 255).round().astype(np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for i, made in enumerate(photographs(count, images, test.labels.numpy(), seed)):
        name = f"{i:04d}{made.suffix}"
        made.picture.save(folder / name, quality=70)  # which JPEG alone heeds
        rows.append({"file": name, "label": made.label, "kind": made.kind, "source": made.source})
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return rows


def read(folder: Path, rows: list[dict[str, Any]], model: str, as_is: bool) -> dict[str, float]:
    """The part of the pictures that a model reads right, of each kind and source."""
    from dlsweep.saved import load_model, prepare_image

    kept = load_model(model)
    images = [prepare_image(folder / row["file"], kept, as_is=as_is).pixels for row in rows]
    found = [kept.classes[label] for label in kept.predict(np.stack(images)).argmax(axis=1)]
    right = [answer == str(row["label"]) for answer, row in zip(found, rows, strict=True)]
    result = {"all": float(np.mean(right))}
    for key in ("source", "kind"):
        for value in dict.fromkeys(row[key] for row in rows):
            chosen = [r for r, row in zip(right, rows, strict=True) if row[key] == value]
            result[value] = float(np.mean(chosen))
    return result


def main() -> None:
    """Write the pictures; with a model, read them too."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model")
    parser.add_argument("--as_is", action="store_true")
    arguments = parser.parse_args()
    rows = write(arguments.folder, arguments.count, arguments.seed)
    if arguments.model:
        for name, part in read(arguments.folder, rows, arguments.model, arguments.as_is).items():
            print(f"{name:12} {part:6.1%}")


if __name__ == "__main__":
    main()
