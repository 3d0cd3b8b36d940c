"""Arrays, tables, IDX files and functions as data sets, and tensors given from Python."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import Dataset, Scaling, check_data, describe, keep_dataset, load
from tests.data.fakes import idx


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DLSWEEP_DATA", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


RNG = np.random.default_rng(0)
IMAGES = RNG.integers(256, size=(40, 5, 7), dtype=np.uint8)
LABELS = np.arange(40) % 4


def whole(data: Dataset) -> np.ndarray:
    parts = (data.train, data.val, data.test)
    return np.concatenate([part.images.numpy() for part in parts])


def rows(images: np.ndarray) -> list[list[float]]:
    return sorted(images.reshape(len(images), -1).round(4).tolist())


def test_an_npz_with_splits() -> None:
    np.savez("a.npz", x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:8], y_test=LABELS[:8])
    data = load("a.npz", val_fraction=0.2)
    assert (len(data.train), len(data.val), len(data.test)) == (32, 8, 8)
    assert data.classes == ("0", "1", "2", "3")
    assert data.test.images.equal(torch.from_numpy(IMAGES[:8, None]) / 255)
    assert (data.name, data.image_shape) == ("a", (1, 5, 7))


def test_an_npz_with_a_validation_split_and_names_in_other_words() -> None:
    splits = {"train": 40, "val": 6, "test": 4}
    arrays: dict[str, Any] = {f"{p}_images": IMAGES[:n] for p, n in splits.items()}
    arrays |= {f"{p}_labels": LABELS[:n, None] for p, n in splits.items()}
    np.savez("a.npz", **arrays, class_names=["w", "x", "y", "z"])
    data = load("a.npz")
    assert (len(data.train), len(data.val), len(data.test)) == (40, 6, 4)
    assert data.classes == ("w", "x", "y", "z")
    assert data.val.labels.tolist() == [0, 1, 2, 3, 0, 1]


@pytest.mark.parametrize(
    ("images", "shape", "low", "high"),
    [
        (IMAGES, (1, 5, 7), 0, 255),
        (IMAGES / 255, (1, 5, 7), 0, 1),
        (IMAGES.astype(np.float64), (1, 5, 7), 0, 255),
        (IMAGES // 16, (1, 5, 7), 0, 15),
        (IMAGES / 127.5 - 1, (1, 5, 7), -1, 1),
        (np.repeat(IMAGES[..., None], 3, -1), (3, 5, 7), 0, 255),
        (np.repeat(IMAGES[:, None], 3, 1), (3, 5, 7), 0, 255),
    ],
)
def test_numbers_of_any_range_become_0_to_1(
    images: np.ndarray, shape: tuple[int, int, int], low: float, high: float
) -> None:
    np.savez("a.npz", images=images, labels=LABELS)
    data = load("a.npz", dtype=torch.float64)
    assert data.image_shape == shape
    as_read = np.moveaxis(images, 3, 1) if images.shape[3:] == (3,) else images
    expected = (as_read.astype(float).reshape(40, *shape) - low) / (high - low)
    assert rows(whole(data)) == rows(expected)
    raw = as_read.reshape(40, *shape)
    assert rows(data.scaling.apply(raw, torch.float64).numpy()) == rows(expected)


@pytest.mark.parametrize(
    ("arrays", "line"),
    [
        ({"x": IMAGES}, "got x; expected x_train, y_train, x_test and y_test, or images, labels"),
        ({"images": IMAGES, "labels": LABELS[1:]}, "40 images and 39 labels"),
        ({"images": IMAGES[0], "labels": LABELS[:5]}, "5 images of 4 classes are too few"),
        ({"images": np.where(IMAGES > 9, IMAGES, np.nan), "labels": LABELS}, "infinite or not a"),
        ({"images": IMAGES[:, None, None], "labels": LABELS}, "images of shape 40×1×1×5×7"),
        ({"images": IMAGES, "labels": RNG.random((40, 4))}, "labels of shape 40×4"),
        ({"images": IMAGES.astype(str), "labels": LABELS}, "expected numbers"),
        (
            {"x_train": IMAGES, "y_train": LABELS % 3, "x_test": IMAGES, "y_test": LABELS},
            "class 3 is in the test images and not in the training images",
        ),
        ({"images": np.array([None, 1]), "labels": LABELS}, "cannot be read as .npz"),
    ],
)
def test_arrays_that_make_no_data_set_are_refused(arrays: dict[str, Any], line: str) -> None:
    np.savez("a.npz", **arrays)
    with pytest.raises(ConfigError) as error:
        check_data(RunConfig(dataset="a.npz"))
    (problem,) = error.value.problems
    assert line.replace("images, labels", "images and labels") in problem


def test_one_hot_labels() -> None:
    np.savez("a.npz", images=IMAGES, labels=np.eye(4)[LABELS])
    assert load("a.npz").classes == ("0", "1", "2", "3")


# Tables


def table(path: str, lines: list[list[Any]], delimiter: str = ",") -> None:
    with open(path, "w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(lines)


FEATURES = RNG.normal(5, 3, (60, 3)).round(3)
SPECIES = np.array(["cat", "dog, big"])[np.arange(60) % 2]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv(delimiter: str) -> None:
    lines = [
        [i, a, kind, b, 7]
        for i, ((a, b, _), kind) in enumerate(zip(FEATURES, SPECIES, strict=True))
    ]
    table("a.csv", [["", "length", "Class", "width", "constant"], *lines], delimiter)
    data = load("a.csv", dtype=torch.float64)
    assert data.image_shape == (1, 1, 3)
    assert data.is_table
    assert data.classes == ("cat", "dog, big")
    train = data.train.images.reshape(-1, 3)
    torch.testing.assert_close(train.mean(0), torch.zeros(3, dtype=torch.float64))
    deviations = train.std(0, unbiased=False)
    torch.testing.assert_close(deviations, torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64))
    raw = np.column_stack([FEATURES[:, :2], np.full(60, 7.0)]).astype(np.float32)
    scaled = data.scaling.apply(raw.reshape(60, 1, 1, 3), torch.float64).numpy()
    assert rows(whole(data)) == rows(scaled)
    notes = describe(RunConfig(dataset="a.csv")).notes
    assert "the labels are the column 'Class'" in notes
    assert any("'' numbers the rows" in note for note in notes)


def test_a_csv_without_a_header_has_its_labels_last() -> None:
    table("a.csv", [[*features, i % 3] for i, features in enumerate(FEATURES)])
    data = load("a.csv")
    assert (data.image_shape, data.classes) == ((1, 1, 3), ("0", "1", "2"))


def test_a_given_validation_file_is_used_as_it_is(here: Path) -> None:
    (here / "letters").mkdir()
    for name, count in {"train": 60, "validation": 20, "test": 10}.items():
        lines = [[*f, s] for f, s in zip(FEATURES[:count], SPECIES[:count], strict=True)]
        table(f"letters/{name}.csv", [["a", "b", "c", "letter"], *lines])
    data = load("letters")
    assert (len(data.train), len(data.val), len(data.test)) == (60, 20, 10)
    assert data.val.images.equal(data.train.images[:20])


def test_a_parquet() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {"target": SPECIES, **{f"f{i}": FEATURES[:, i] for i in range(3)}}
    parquet.write_table(pyarrow.table(columns), "a.parquet")
    data = load("a.parquet")
    assert (data.image_shape, data.classes) == ((1, 1, 3), ("cat", "dog, big"))


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([["a", "y"], [1, "u"], ["x", "v"]], "line 3: 'a' holds 'x', expected a number"),
        ([["a", "b", "y"], [1, 2, "u"], ["", 3, "v"]], "line 3: 'a' is empty, expected a number"),
        ([["a", "b", "y"], [1, 2, "u"], [1, "v"]], "line 3 has 2 columns, expected 3"),
        ([["a", "y"], *([i, i / 7] for i in range(60))], "too many for classes"),
        ([["a"], [1]], "got one column"),
        ([["a", "y"], ["nan", 1], [1, 2]], "'a' lacks a number in 1 of 2 rows"),
    ],
)
def test_a_table_that_makes_no_data_set_is_refused(lines: list[list[Any]], problem: str) -> None:
    table("a.csv", lines)
    with pytest.raises(ConfigError) as error:
        check_data(RunConfig(dataset="a.csv"))
    assert problem in error.value.problems[0]


def test_convolutions_do_not_fit_a_table() -> None:
    table("a.csv", [[*features, i % 3] for i, features in enumerate(FEATURES)])
    with pytest.raises(ConfigError, match="is larger than the 1×3 image that reaches it"):
        check_data(RunConfig(dataset="a.csv", model="cnn"))


# IDX files and functions


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_of_idx_files(here: Path, packed: bool) -> None:
    (here / "letters").mkdir()
    for part, count in (("train", 40), ("t10k", 12)):
        for kind, array in (
            ("images-idx3-ubyte", IMAGES[:count]),
            ("labels-idx1-ubyte", LABELS[:count].astype(np.uint8)),
        ):
            content = idx(array)
            path = here / "letters" / f"{part}-{kind}{'.gz' * packed}"
            path.write_bytes(gzip.compress(content) if packed else content)
    data = load("letters", val_fraction=0.2)
    assert data.image_shape == (1, 5, 7)
    assert data.test.images.equal(torch.from_numpy(IMAGES[:12, None]) / 255)
    (here / "letters" / f"t10k-labels-idx1-ubyte{'.gz' * packed}").unlink()
    with pytest.raises(ConfigError, match="there are test images, but no labels"):
        check_data(RunConfig(dataset="letters"))


MODULE = """
import numpy as np
print("called")
def pair():
    return np.zeros((40, 6, 6)), ["ab"[i % 2] for i in range(40)]
def pairs():
    return pair(), pair()
def named():
    x, y = pair()
    return {"x_train": x, "y_train": y, "x_test": x[:4], "y_test": y[:4]}
def wrong():
    return 3
def fails():
    return 1 / 0
"""


@pytest.mark.parametrize(("name", "tested"), [("pair", 8), ("pairs", 40), ("named", 4)])
@pytest.mark.parametrize("place", ["mine.py", "mine"])
def test_a_function(
    here: Path, place: str, name: str, tested: int, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "mine.py").write_text(MODULE)
    data = load(f"{place}:{name}")
    assert data.classes == ("a", "b")
    assert (data.name, len(data.test)) == (name, tested)
    capsys.readouterr()
    load(f"{place}:{name}")
    assert capsys.readouterr().out == ""  # it is in the cache


@pytest.mark.parametrize(
    ("dataset", "line"),
    [
        ("mine.py:wrong", "returned int; expected (images, labels)"),
        ("mine.py:fails", "failed: ZeroDivisionError: division by zero"),
        ("mine.py:pear", "has no function pear; did you mean 'pair'?"),
        ("yours.py:pair", "yours.py: no such file"),
        ("nowhere.at_all:pair", "nowhere.at_all: no such module"),
    ],
)
def test_a_function_that_gives_no_data_set_is_refused(here: Path, dataset: str, line: str) -> None:
    (here / "mine.py").write_text(MODULE)
    with pytest.raises(ConfigError) as error:
        check_data(RunConfig(dataset=dataset))
    (problem,) = error.value.problems
    assert line in problem


# Tensors given from Python


def test_tensors_are_split_and_kept_for_other_processes() -> None:
    data = Dataset.of(IMAGES, LABELS, classes=["w", "x", "y", "z"], name="my images")
    assert (len(data.train), len(data.val), len(data.test)) == (28, 4, 8)
    assert data.classes == ("w", "x", "y", "z")
    reference = keep_dataset(data)
    assert reference == keep_dataset(data)
    assert RunConfig(dataset=reference).dataset == reference
    found = load(reference)
    for split in ("train", "val", "test"):
        assert getattr(found, split).images.equal(getattr(data, split).images)
        assert getattr(found, split).labels.equal(getattr(data, split).labels)
    assert (found.name, found.classes) == (data.name, data.classes)
    assert len(load(reference, train_size=12).train) == 12
    other = Dataset.of(IMAGES, LABELS[::-1].copy(), name="my images")
    assert keep_dataset(other) != reference


def test_tensors_that_are_not_in_the_cache_are_asked_for() -> None:
    with pytest.raises(ConfigError, match="blobs@0123456789abcdef is not in the cache"):
        check_data(RunConfig(dataset="blobs@0123456789abcdef"))


def test_features_given_as_tensors_keep_their_scaling() -> None:
    images = torch.from_numpy(FEATURES)
    data = Dataset.of(images, SPECIES, test=(images[:9], SPECIES[:9]))
    found = load(keep_dataset(data))
    assert len(found.test) == 9
    expected = data.test.images
    assert found.scaling.apply(FEATURES[:9].astype(np.float32).reshape(9, 1, 1, 3)).equal(expected)


def test_scaling_survives_json() -> None:
    scaling = Scaling(np.array([[[1.5, 2]]]), np.array([[[3.0, 4]]]))
    found = Scaling.from_dict(scaling.as_dict())
    np.testing.assert_array_equal(found.offset, scaling.offset)
    np.testing.assert_array_equal(found.scale, scaling.scale)
