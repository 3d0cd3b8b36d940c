"""What a file in this folder says of a published data set.

Nothing here imports NumPy or torch: commands that only need to know the names start at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlsweep.parts.data_sets._raw import Raw
    from dlsweep.parts.data_sets._sources import Source


@dataclass(frozen=True)
class PublishedSet:
    """A data set that is known by name.

    Attributes:
        name: its name.
        meaning: a few words for ``--help`` and the documentation.
        classes: the names of the classes, in the order of the labels.
        files: each file's name in the cache and the MD5 of its content, uncompressed where the
            name says nothing of compression.
        sources: gives the places that the files may come from, in the order to try.
        read: makes the arrays from the contents of the files. Where these have no test split, it is
            the stratified fifth of the images that one's own data gets too.
        also: other spellings of the name that differ in their letters.
        image_shape: channels, height and width, known before anything is fetched; None to read
            the data first.
        train, test: likewise, how many images of each class the parts have; of the test images,
            how many there are in all where no more is known.
        pixel_max: the raw pixel that becomes 1.0 (0 becomes 0.0).
    """

    name: str
    meaning: str
    classes: tuple[str, ...]
    files: Mapping[str, str]
    sources: Callable[[], Iterable[Source]]
    read: Callable[[Mapping[str, bytes]], Raw]
    also: tuple[str, ...] = ()
    image_shape: tuple[int, int, int] | None = None
    train: tuple[int, ...] = ()
    test: tuple[int, ...] | int = ()
    pixel_max: int = 255
