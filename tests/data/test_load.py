from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from dlsweep.config.errors import ConfigError
from dlsweep.data import Dataset, Split, load
from dlsweep.parts import DATASETS, PublishedSet
from dlsweep.parts.data_sets._raw import Raw
from dlsweep.parts.data_sets.digits import DATA_SET as DIGITS
from tests.data.fakes import Given, describe, toy


@pytest.fixture(autouse=True)
def _toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = toy()
    monkeypatch.setitem(DATASETS, "toy", describe(contents, Given(contents)))
    monkeypatch.setenv("DLSWEEP_DATA", str(tmp_path))


def own(name: str, raw: Raw) -> PublishedSet:
    """A data set of two classes that has no files."""
    return PublishedSet(name, "", ("a", "b"), {}, tuple, lambda _: raw)


def numbers(split: Split) -> list[int]:
    """Which of the toy set's images a split has."""
    pixels = (split.images * 255).round().long()
    return (pixels[:, 0, 0, 0] * 256 + pixels[:, 0, 0, 1]).tolist()


def test_the_registry() -> None:
    names = "cifar10 cifar100 digits emnist_letters fashion_mnist kmnist mnist qmnist svhn usps"
    assert [name for name in DATASETS if name != "toy"] == names.split()
    assert all(name == each.name for name, each in DATASETS.items() if name != "toy")


def check_contract(data: Dataset) -> None:
    """What holds for every data set."""
    for split in (data.train, data.val, data.test):
        assert split.images.dtype == torch.float32
        assert split.images.shape == (len(split), *data.image_shape)
        assert split.images.is_contiguous()
        assert (split.images.min(), split.images.max()) == (0.0, 1.0)
        assert split.labels.dtype == torch.int64
        assert split.labels.shape == (len(split),)
        assert split.labels.unique().tolist() == list(range(data.num_classes))
        assert torch.bincount(split.labels).min() >= 0.5 * len(split) / data.num_classes
    shares = [torch.bincount(s.labels) / len(s) for s in (data.train, data.val)]
    assert (shares[0] - shares[1]).abs().max() < 1 / len(data.val)


@pytest.mark.parametrize(
    ("name", "sizes", "image_shape"),
    [
        ("digits", (1293, 144, 360), (1, 8, 8)),
        pytest.param("fashion_mnist", (54000, 6000, 10000), (1, 28, 28), marks=pytest.mark.network),
        pytest.param("mnist", (54000, 6000, 10000), (1, 28, 28), marks=pytest.mark.network),
    ],
)
def test_every_data_set(
    name: str, sizes: tuple[int, ...], image_shape: tuple[int, ...], tmp_path: Path
) -> None:
    data = load(name, cache_dir=tmp_path)
    assert (len(data.train), len(data.val), len(data.test)) == sizes
    assert data.image_shape == image_shape
    assert data.num_classes == 10
    check_contract(data)


def test_digits_splits_are_a_partition_of_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    data = load("digits", dtype=torch.float64)
    parts = (data.train, data.val, data.test)
    found = np.concatenate([(split.images * 16).flatten(1).numpy() for split in parts])
    labels = np.concatenate([split.labels.numpy() for split in parts])
    digits = load_digits()

    def rows(images: np.ndarray, targets: np.ndarray) -> list[tuple[float, ...]]:
        return sorted(map(tuple, np.column_stack([images, targets]).tolist()))

    assert rows(found, labels) == rows(digits.data, digits.target)


def test_digits_are_the_same_from_the_file_and_from_scikit_learn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from_file = DIGITS.read({}).parts()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    from_it = DIGITS.read({}).parts()
    for (_, *part), (_, *same) in zip(from_file, from_it, strict=True):
        for one, other in zip(part, same, strict=True):
            assert one.dtype == other.dtype
            assert np.array_equal(one, other)


@pytest.mark.process
def test_digits_do_without_importing_scikit_learn() -> None:
    program = "import sys; sys.modules['sklearn.datasets'] = None; from dlsweep.data import load; "
    subprocess.run([sys.executable, "-c", program + "load('digits')"], check=True)


def test_splits_are_disjoint_and_complete() -> None:
    data = load("toy", val_fraction=0.2)
    assert (len(data.train), len(data.val), len(data.test)) == (80, 20, 30)
    assert sorted(numbers(data.train) + numbers(data.val)) == list(range(100))
    assert numbers(data.test) == list(range(100, 130))
    assert torch.bincount(data.val.labels).tolist() == [10, 6, 4]


def test_labels_stay_with_their_images() -> None:
    data = load("toy", train_size=50)
    for split in (data.train, data.val, data.test):
        assert ((split.images[:, 0, 1, 0] * 255).round().long() == split.labels).all()


def test_the_same_raw_pixel_is_the_same_number_in_every_split() -> None:
    raw = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16).repeat(40, axis=0)
    labels = np.arange(40) % 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(
            DATASETS,
            "ramp",
            own("ramp", Raw(raw, labels, raw, labels)),
        )
        for dtype in (torch.float32, torch.float64, torch.bfloat16):
            data = load("ramp", dtype=dtype)
            expected = (torch.arange(256, dtype=dtype) / 255).reshape(1, 16, 16)
            for split in (data.train, data.val, data.test):
                assert split.images.dtype == dtype
                assert (split.images == expected).all()


def test_validation_does_not_depend_on_anything_but_its_fraction() -> None:
    torch.manual_seed(1)
    np.random.seed(1)
    first = load("toy")
    torch.manual_seed(2)
    np.random.seed(2)
    for train_size in (None, 3, 40, 89, 90):
        other = load("toy", train_size=train_size)
        assert other.val.images.equal(first.val.images)
        assert other.val.labels.equal(first.val.labels)
        assert other.test.images.equal(first.test.images)


def test_train_size_keeps_a_stratified_subset() -> None:
    whole = numbers(load("toy").train)
    assert numbers(load("toy", train_size=90).train) == whole
    smaller = load("toy", train_size=30).train
    assert len(smaller) == 30
    assert set(numbers(smaller)) < set(numbers(load("toy", train_size=60).train)) < set(whole)
    assert torch.bincount(smaller.labels).tolist() == [15, 9, 6]


def test_more_than_one_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(256, size=(40, 3, 4, 5), dtype=np.uint8)
    labels = np.arange(40) % 2
    monkeypatch.setitem(DATASETS, "colour", own("colour", Raw(*[images, labels] * 2)))
    data = load("colour")
    assert data.image_shape == (3, 4, 5)
    assert data.test.images.equal(torch.from_numpy(images) / 255)


def test_tensors_can_be_written() -> None:
    data = load("toy")
    before = load("toy").train.images
    data.train.images.zero_()
    assert load("toy").train.images.equal(before)


def test_to() -> None:
    data = load("toy")
    moved = data.to(dtype=torch.float64)
    for split in (moved.train, moved.val, moved.test):
        assert (split.images.dtype, split.labels.dtype) == (torch.float64, torch.int64)
    assert (moved.name, moved.classes) == ("toy", ("a", "b", "c"))
    elsewhere = data.to("meta")
    assert {s.images.device.type for s in (elsewhere.train, elsewhere.test)} == {"meta"}
    assert elsewhere.val.labels.device.type == "meta"
    assert load("toy", device="meta").val.labels.device.type == "meta"


def test_frozen() -> None:
    data = load("toy")
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.train = data.val  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.train.images = data.val.images  # type: ignore[misc]


@pytest.mark.parametrize("val_fraction", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_impossible_val_fraction(val_fraction: float) -> None:
    with pytest.raises(ConfigError, match=f"val_fraction: got {val_fraction}, expected") as error:
        load("toy", val_fraction=val_fraction)
    assert len(error.value.problems) == 1


@pytest.mark.parametrize("val_fraction", [0.02, 0.99])
def test_val_fraction_that_leaves_a_class_out(val_fraction: float) -> None:
    with pytest.raises(ConfigError, match=f"val_fraction: got {val_fraction}, which makes"):
        load("toy", val_fraction=val_fraction)


@pytest.mark.parametrize(
    ("train_size", "expected"),
    [(-1, "an integer"), (0, "an integer"), (0.5, "an integer"), (2, "3")],
)
def test_train_size_that_leaves_a_class_out(train_size: float, expected: str) -> None:
    with pytest.raises(ConfigError, match=f"train_size: got {train_size}, expected {expected}"):
        load("toy", train_size=train_size)  # type: ignore[arg-type]


def test_train_size_beyond_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"train_size: got 91, expected 3 .* to 90"):
        load("toy", train_size=91)


def test_all_problems_are_told_at_once_and_before_anything_is_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = Given({})
    monkeypatch.setitem(DATASETS, "toy", describe(toy(), source))
    with pytest.raises(ConfigError) as caught:
        load("toys", val_fraction=2, train_size=0, dtype=torch.int64)
    names = [problem.split(":")[0] for problem in caught.value.problems]
    assert names == ["dataset", "val_fraction", "train_size", "dtype"]
    with pytest.raises(ConfigError):
        load("toy", val_fraction=0)
    assert source.asked == []


@pytest.mark.gpu
def test_pixels_are_the_same_on_the_gpu() -> None:
    here, there = load("digits"), load("digits", device="cuda")
    assert there.train.images.device.type == "cuda"
    assert there.train.images.cpu().equal(here.train.images)
