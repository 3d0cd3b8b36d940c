"""The file formats of published data sets: from the contents of their files to arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

    from dlsweep.parts.data_sets._raw import Raw


def read_idx(content: bytes, name: str) -> npt.NDArray[Any]:
    """The array of an IDX file, compressed if its name says so.

    Raises:
        IdxError: the content is not a whole IDX file.
        SourceError: it is not a whole gzip file.
    """
    from dlsweep.parts.data_sets._idx import parse_idx
    from dlsweep.parts.data_sets._sources import gunzip

    return parse_idx(gunzip(content, name) if name.endswith(".gz") else content)


def read_mnist(contents: Mapping[str, bytes]) -> Raw:
    """Four IDX files named as MNIST's are, as arrays of one channel, images (N, 1, H, W).

    Raises:
        IdxError, SourceError: as ``read_idx``.
    """
    from dlsweep.parts.data_sets._raw import Raw

    arrays = {
        name.removesuffix(".gz"): read_idx(content, name) for name, content in contents.items()
    }
    return Raw(
        train_images=arrays["train-images-idx3-ubyte"][:, None],
        train_labels=arrays["train-labels-idx1-ubyte"],
        test_images=arrays["t10k-images-idx3-ubyte"][:, None],
        test_labels=arrays["t10k-labels-idx1-ubyte"],
    )


def read_cifar(content: bytes, train: Sequence[str], test: str, label_bytes: int) -> Raw:
    """The binary version of CIFAR-10 or CIFAR-100: images (N, 3, 32, 32).

    Args:
        content: of the ``.tar.gz``.
        train, test: the names of the files in it, in whatever folder.
        label_bytes: how many bytes precede the 3,072 pixels of an image; the last is the class.
    """
    import io
    import tarfile

    import numpy as np

    from dlsweep.parts.data_sets._raw import Raw

    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = {member.name.rpartition("/")[2]: member for member in archive.getmembers()}

        def rows(names: Sequence[str]) -> npt.NDArray[np.uint8]:
            read = [archive.extractfile(members[name]) for name in names]
            whole = b"".join(file.read() for file in read if file is not None)
            return np.frombuffer(whole, np.uint8).reshape(-1, label_bytes + 3 * 32 * 32)

        parts = rows(train), rows([test])
    train_images, test_images = (part[:, label_bytes:].reshape(-1, 3, 32, 32) for part in parts)
    train_labels, test_labels = (part[:, label_bytes - 1].astype(np.int64) for part in parts)
    return Raw(train_images, train_labels, test_images, test_labels)
