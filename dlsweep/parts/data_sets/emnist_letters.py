"""EMNIST letters: 145,600 handwritten letters, capitals and small ones (Cohen and others, 2017)."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from dlsweep.parts.data_sets._published import PublishedSet

if TYPE_CHECKING:
    from dlsweep.parts.data_sets._raw import Raw
    from dlsweep.parts.data_sets._sources import Source


def _sources() -> Iterator[Source]:
    from dlsweep.parts.data_sets._sources import Mirror

    yield Mirror("https://biometrics.nist.gov/cs_links/EMNIST/", suffix="")


def _read(contents: Mapping[str, bytes]) -> Raw:
    import io
    import zipfile

    from dlsweep.parts.data_sets._formats import read_idx
    from dlsweep.parts.data_sets._raw import Raw

    with zipfile.ZipFile(io.BytesIO(contents["gzip.zip"])) as archive:
        parts = {
            f"{part}-{kind}": read_idx(archive.read(name), name)
            for part in ("train", "test")
            for kind in ("images-idx3", "labels-idx1")
            for name in (f"gzip/emnist-letters-{part}-{kind}-ubyte.gz",)
        }
    # The pictures lie on their sides, mirrored; the letters count from 1.
    return Raw(
        train_images=parts["train-images-idx3"].transpose(0, 2, 1)[:, None],
        train_labels=parts["train-labels-idx1"] - 1,
        test_images=parts["test-images-idx3"].transpose(0, 2, 1)[:, None],
        test_labels=parts["test-labels-idx1"] - 1,
    )


DATA_SET = PublishedSet(
    name="emnist_letters",
    meaning="145,600 handwritten letters, 28×28",
    also=("emnist",),
    image_shape=(1, 28, 28),
    train=(4_800,) * 26,
    test=(800,) * 26,
    classes=tuple(string.ascii_lowercase),
    files={"gzip.zip": "58c8d27c78d21e728a6bc7b3cc06412e"},
    sources=_sources,
    read=_read,
)
