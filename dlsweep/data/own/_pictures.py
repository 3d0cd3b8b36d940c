"""A folder with a sub-folder of pictures for each class."""

from __future__ import annotations

import logging
import math
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from dlsweep.config import ConfigError
from dlsweep.config.data import size_of
from dlsweep.data._memory import available_memory
from dlsweep.data._raw import number_labels, of_parts
from dlsweep.data.own._arrays import PARTS
from dlsweep.parts.data_sets._raw import Raw

if TYPE_CHECKING:
    from PIL import Image

    from dlsweep.data._facts import DataSettings

_log = logging.getLogger("dlsweep.data")

_ENDINGS = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".tif", ".tiff"}
_ENDINGS |= {".webp", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico", ".pcx", ".avif", ".jp2"}
_MOST_LINES = 10
_GRAY = {"L", "1", "LA", "I;16", "I;16B", "I", "F"}
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class _File:
    part: str
    label: str
    path: Path


def read_pictures(folder: Path, settings: DataSettings) -> Raw:
    """The pictures of a folder, decoded on all cores.

    Below ``folder`` there is a folder for each class, whose name is the folder's; or there are
    ``train``, ``test`` and maybe ``val`` (or ``valid``, ``validation``), each with such folders.

    Args:
        folder: the folder.
        settings: ``image_size``, ``color`` and ``skip_bad`` count.

    Raises:
        ConfigError: in a line for each thing, what is wrong with it.
    """
    files, notes = _listed(folder)
    size = None if settings.image_size is None else size_of(settings.image_size)
    looked = _on_all_cores(_look, files)
    bad = [(f, why) for f, why in zip(files, looked, strict=True) if isinstance(why, str)]
    good = [(f, at) for f, at in zip(files, looked, strict=True) if not isinstance(at, str)]
    if size is None:
        size = _one_size(folder, [at[:2] for _, at in good])
    size = size or (1, 1)
    coloured = settings.color == "true" or any(at[2] for _, at in good)
    _refuse_oversized(
        folder, len(good), (1 if settings.color == "false" else 1 + 2 * coloured, *size)
    )
    modes = {"auto": None, "true": "RGB", "false": "L"}
    read = _on_all_cores(
        lambda file: _decode(file, size, modes[settings.color]), [f for f, _ in good]
    )
    bad += [(f, why) for (f, _), why in zip(good, read, strict=True) if isinstance(why, str)]
    _refuse(folder, bad, settings.skip_bad)
    if bad:
        notes.append(f"{len(bad):,} of {len(files):,} pictures cannot be read and are left out")
    kept = [(f, a) for (f, _), a in zip(good, read, strict=True) if not isinstance(a, str)]
    if not kept:
        raise ConfigError([f"dataset: {folder}: none of its {len(files):,} pictures can be read"])
    coloured = settings.color == "true" or any(a.ndim == 3 for _, a in kept)
    parts = {part: [pair for pair in kept if pair[0].part == part] for part in PARTS}
    present = [part for part in PARTS if parts[part] or part == "train"]
    labels = [(part, np.array([f.label for f, _ in parts[part]])) for part in present]
    classes, numbers = number_labels(f"dataset: {folder}", labels)
    shape = (3 if coloured else 1, *size)
    images = {p: _stacked([a for _, a in parts[p]], shape) for p in present}
    counted = dict(zip(present, numbers, strict=True))
    return of_parts(images, counted, classes, notes=notes)


def pictures_in(folder: Path) -> list[Path]:
    """The files in a folder, and in the folders in it, whose names are those of pictures."""
    return [path for path in _files(folder) if path.suffix.lower() in _ENDINGS]


def _files(folder: Path) -> list[Path]:
    """What is in a folder, and in the folders in it, and is not hidden."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if not any(name.startswith(".") for name in path.relative_to(folder).parts)
    ]


def _listed(folder: Path) -> tuple[list[_File], list[str]]:
    """The pictures by part and class, and a note where other files are left out."""
    top = _folders(folder)
    named = {name: part for part, also in PARTS.items() for name in also}
    parts = {named[path.name.lower()]: path for path in top if path.name.lower() in named}
    if "train" not in parts:
        parts = {"train": folder}
    elif others := [path.name for path in top if path.name.lower() not in named]:
        line = f"{', '.join(others[:3])}: beside train there can be val and test only"
        raise ConfigError([f"dataset: {folder}: got the folder {line}"])
    files: list[_File] = []
    no_pictures = 0
    for part, place in parts.items():
        for of_class in _folders(place):
            for path in _files(of_class):
                if path.suffix.lower() in _ENDINGS:
                    files.append(_File(part, of_class.name, path))
                elif path.is_file():
                    no_pictures += 1
    if not files:
        flat = sum(path.suffix.lower() in _ENDINGS for path in folder.iterdir())
        hint = "a folder for each class, with pictures in it"
        got = f"{flat:,} pictures, but not in folders" if flat else "no pictures in its folders"
        raise ConfigError([f"dataset: {folder}: got {got}; expected {hint}"])
    left_out = f"{no_pictures:,} files are not pictures and are left out"
    if no_pictures == 1:
        left_out = "1 file is not a picture and is left out"
    return files, [left_out] if no_pictures else []


def _folders(folder: Path) -> list[Path]:
    found = (path for path in folder.iterdir() if path.is_dir() and path.name[0] not in "._")
    return sorted(found)


def _on_all_cores(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """What a function makes of each item; Pillow lets other threads run while it decodes."""
    from dlsweep.data._progress import progress

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with ThreadPoolExecutor(cores or 1) as pool:
        return list(progress(pool.map(work, items), len(items), "pictures"))


def _look(file: _File) -> tuple[int, int, bool] | str:
    """The height and width of a picture, upright, and whether it may have colours; or why it cannot
    be read."""
    from PIL import Image

    try:
        with Image.open(file.path) as opened:
            width, height = opened.size
            turned = opened.getexif().get(0x0112, 1) >= 5  # by a quarter, as its camera noted
            sides = (width, height) if turned else (height, width)
            return *sides, opened.mode not in _GRAY
    except Exception as error:  # Pillow's decoders raise all kinds
        return _why(error)


def _decode(file: _File, size: tuple[int, int], mode: str | None) -> npt.NDArray[np.uint8] | str:
    """A picture as (H, W), or (H, W, 3) where it has colours; or why it cannot be read."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file.path) as opened:
                picture = ImageOps.exif_transpose(opened)
                picture.load()
        if mode is None:
            mode = "L" if picture.mode in _GRAY else "RGB"
        picture = _eight_bits(_opaque(picture)).convert(mode)
        height, width = size
        if picture.size != (width, height):
            picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        array = np.array(picture)
    except Exception as error:
        return _why(error)
    if array.ndim == 3 and (array[..., :1] == array[..., 1:]).all():
        return np.ascontiguousarray(array[..., 0])  # gray, whatever the file's mode says
    return array


def _opaque(picture: Image.Image) -> Image.Image:
    """A picture on a ground that its visible parts stand out from, where it has none."""
    from PIL import Image

    if not picture.has_transparency_data:
        return picture
    layered = picture.convert("RGBA")
    pixels = np.asarray(layered.convert("LA"))
    visible = pixels[..., 0][pixels[..., 1] > 127]
    dark = visible.size == 0 or visible.mean() < 128
    ground = Image.new("RGBA", layered.size, "white" if dark else "black")
    return Image.alpha_composite(ground, layered).convert("RGB")


def _eight_bits(picture: Image.Image) -> Image.Image:
    """A picture of 16 bits a pixel with the upper eight of them."""
    from PIL import Image

    if picture.mode not in ("I", "I;16", "I;16B", "F"):
        return picture
    array = np.asarray(picture, np.float64)
    top = 65535.0 if array.max() > 255 else 255.0
    return Image.fromarray((array.clip(0, top) * (255 / top)).round().astype(np.uint8))


def _why(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "not a picture"
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())


def _one_size(folder: Path, sizes: Iterable[tuple[int, int]]) -> tuple[int, int] | None:
    """The size of all pictures; None where there are none.

    Raises:
        ConfigError: they differ in size.
    """
    counted = Counter(sizes)
    if len(counted) > 1:
        low, high = min(counted), max(counted)
        common = counted.most_common(1)[0][0]
        raise ConfigError(
            [
                f"dataset: {folder}: its pictures have {len(counted):,} sizes, from "
                f"{low[0]}×{low[1]} to {high[0]}×{high[1]} (height × width); say which they are "
                f"brought to, such as --image_size {common[0]}x{common[1]}"
            ]
        )
    return next(iter(counted), None)


def _refuse_oversized(folder: Path, count: int, shape: tuple[int, int, int]) -> None:
    """Refuse pictures that memory cannot hold as they are read, and as numbers to train on."""
    takes, free = 5 * count * math.prod(shape), available_memory()
    if free is not None and takes > free:
        _, height, width = shape
        line = f"{count:,} pictures of {height}×{width} take {takes / 1e9:.1f} GB of memory"
        rest = f"{free / 1e9:.1f} GB are free; give a smaller --image_size"
        raise ConfigError([f"dataset: {folder}: {line}, and {rest}"])


def _refuse(folder: Path, bad: Sequence[tuple[_File, str]], skip: bool) -> None:
    if not bad:
        return
    lines = [f"  {file.path.relative_to(folder)}: {why}" for file, why in bad[:_MOST_LINES]]
    if len(bad) > _MOST_LINES:
        lines.append(f"  and {len(bad) - _MOST_LINES:,} more")
    count = "1 picture" if len(bad) == 1 else f"{len(bad):,} pictures"
    if not skip:
        first = f"dataset: {folder}: {count} cannot be read; --skip_bad leaves them out:"
        raise ConfigError([first, *lines])
    _log.warning("%s: %s cannot be read and are left out:\n%s", folder, count, "\n".join(lines))


def _stacked(
    arrays: Sequence[npt.NDArray[np.uint8]], shape: tuple[int, int, int]
) -> npt.NDArray[Any]:
    images = np.empty((len(arrays), *shape), np.uint8)
    for i, array in enumerate(arrays):
        images[i] = array if array.ndim == 2 else array.transpose(2, 0, 1)
    return images
