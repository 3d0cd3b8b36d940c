"""The formats of the published data sets, by tiny files of each."""

from __future__ import annotations

import bz2
import dataclasses
import gzip
import hashlib
import io
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from dlsweep.data import Dataset, DataUnavailable, load
from dlsweep.parts import DATASETS
from tests.data.fakes import Given, idx

COUNT = 40
SHAPES = {name: each.image_shape for name, each in DATASETS.items()}


def images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(256, size=(COUNT, *shape), dtype=np.uint8)


def labels(classes: int) -> np.ndarray:
    return (np.arange(COUNT) % classes).astype(np.uint8)


def loaded(
    name: str,
    contents: Mapping[str, bytes],
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    classes: int,
) -> Dataset:
    """A data set of fewer images and classes, from a source that has these files."""
    real = DATASETS[name]
    assert set(contents) == set(real.files)
    fake = dataclasses.replace(
        real,
        files={file: hashlib.md5(content).hexdigest() for file, content in contents.items()},
        sources=lambda: [Given(contents)],
        classes=real.classes[:classes],
        image_shape=None,
    )
    monkeypatch.setitem(DATASETS, name, fake)
    return load(name, cache_dir=cache, val_fraction=0.2)


def check(data: Dataset, test_images: np.ndarray, test_labels: np.ndarray) -> None:
    found = (data.test.images * 255).round().byte().numpy()
    np.testing.assert_array_equal(found, test_images)
    np.testing.assert_array_equal(data.test.labels, test_labels)
    assert len(data.train) + len(data.val) == COUNT
    assert data.image_shape == SHAPES[data.name]


def test_kmnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = {
        f"{part}-{kind}-ubyte.gz": gzip.compress(idx(array))
        for part, seed in (("train", 0), ("t10k", 1))
        for kind, array in (
            ("images-idx3", images(28, 28, seed=seed)),
            ("labels-idx1", labels(4)),
        )
    }
    data = loaded("kmnist", contents, tmp_path, monkeypatch, 4)
    check(data, images(28, 28, seed=1)[:, None], labels(4))
    assert data.classes == ("o", "ki", "su", "tsu")


def test_qmnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = np.zeros((COUNT, 8), ">i4")
    many[:, 0] = labels(4)
    many[:, 1:] = 70_000
    header = struct.pack(">HBBII", 0, 0x0C, 2, *many.shape)
    contents = {}
    for part, seed in (("train", 0), ("test", 1)):
        pixels = images(28, 28, seed=seed)
        contents[f"qmnist-{part}-images-idx3-ubyte.gz"] = gzip.compress(idx(pixels))
        contents[f"qmnist-{part}-labels-idx2-int.gz"] = gzip.compress(header + many.tobytes())
    data = loaded("qmnist", contents, tmp_path, monkeypatch, 4)
    check(data, images(28, 28, seed=1)[:, None], labels(4))


def test_emnist_letters_stand_upright(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for part, seed in (("train", 0), ("test", 1)):
            lying = images(28, 28, seed=seed).transpose(0, 2, 1)
            for kind, array in (("images-idx3", lying), ("labels-idx1", labels(3) + 1)):
                name = f"gzip/emnist-letters-{part}-{kind}-ubyte.gz"
                archive.writestr(name, gzip.compress(idx(np.ascontiguousarray(array))))
    data = loaded("emnist_letters", {"gzip.zip": file.getvalue()}, tmp_path, monkeypatch, 3)
    check(data, images(28, 28, seed=1)[:, None], labels(3))
    assert data.classes == ("a", "b", "c")


def test_usps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def libsvm(pixels: np.ndarray) -> bytes:
        lines = [
            f"{label + 1} "
            + " ".join(f"{i}:{value / 127.5 - 1:.9g}" for i, value in enumerate(image.ravel(), 1))
            for image, label in zip(pixels, labels(5), strict=True)
        ]
        return bz2.compress("\n".join(lines).encode())

    even = images(16, 16, seed=1) // 5 * 5  # of which no half is lost
    contents = {"usps.bz2": libsvm(images(16, 16)), "usps.t.bz2": libsvm(even)}
    data = loaded("usps", contents, tmp_path, monkeypatch, 5)
    found = (data.test.images * 255).round().numpy()
    assert np.abs(found - even[:, None]).max() <= 1  # which the text rounds down
    np.testing.assert_array_equal(data.test.labels, labels(5))


def test_svhn_has_colours_and_zeros(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.io import savemat

    def matlab(pixels: np.ndarray) -> bytes:
        file = io.BytesIO()
        digits = np.where(labels(5) == 0, 10, labels(5))
        savemat(file, {"X": pixels.transpose(2, 3, 1, 0), "y": digits[:, None]})
        return file.getvalue()

    contents = {
        "train_32x32.mat": matlab(images(3, 32, 32)),
        "test_32x32.mat": matlab(images(3, 32, 32, seed=1)),
    }
    data = loaded("svhn", contents, tmp_path, monkeypatch, 5)
    check(data, images(3, 32, 32, seed=1), labels(5))


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lead = {"cifar10": [], "cifar100": [np.full(COUNT, 19, np.uint8)]}[name]

    def binary(pixels: np.ndarray) -> bytes:
        columns = [
            *(array[:, None] for array in lead),
            labels(4)[:, None],
            pixels.reshape(COUNT, -1),
        ]
        return np.hstack(columns).tobytes()

    whole = binary(images(3, 32, 32))
    row = len(whole) // COUNT
    batches = {f"data_batch_{i + 1}.bin": whole[i * 8 * row : (i + 1) * 8 * row] for i in range(5)}
    files = batches if name == "cifar10" else {"train.bin": whole}
    test = {"cifar10": "test_batch.bin", "cifar100": "test.bin"}[name]
    files[test] = binary(images(3, 32, 32, seed=1))
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for member, content in files.items():
            entry = tarfile.TarInfo(f"{name}-folder/{member}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    archive_name = next(iter(DATASETS[name].files))
    data = loaded(name, {archive_name: file.getvalue()}, tmp_path, monkeypatch, 4)
    check(data, images(3, 32, 32, seed=1), labels(4))


def test_what_its_file_says_is_held_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = DATASETS["digits"]
    monkeypatch.setitem(DATASETS, "digits", dataclasses.replace(real, image_shape=(1, 8, 9)))
    with pytest.raises(ValueError, match="digits: its file says"):
        load("digits", cache_dir=tmp_path)


def test_how_files_are_brought_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = dataclasses.replace(DATASETS["cifar10"], sources=tuple)
    monkeypatch.setitem(DATASETS, "cifar10", fake)
    with pytest.raises(DataUnavailable) as error:
        load("cifar10", cache_dir=tmp_path)
    text = str(error.value)
    assert f"\n  {tmp_path / 'cifar10'}\n" in text
    assert "cifar-10-binary.tar.gz  (MD5 c32a1d4ab5d03f1284b67883e8d87530)" in text
    assert "put these files, as they are published, into" in text
