"""What is known of a data set without its images, and what it cannot serve."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import DataFacts, check_data, data_problems, describe, load
from dlsweep.data._split import stratified_holdout
from dlsweep.parts import DATASETS

MNIST = describe(RunConfig(dataset="mnist"))


@pytest.mark.parametrize("name", DATASETS)
def test_what_is_known_of_every_named_set(name: str, tmp_path: Path) -> None:
    facts = describe(RunConfig(dataset=name), tmp_path)  # where no file is
    assert len(facts.train) == len(facts.test) == len(facts.classes) == len(set(facts.classes))
    assert min(facts.train) > 100
    assert min(facts.test) >= 35
    assert facts.val is None
    sizes = facts.sizes(0.1, None)
    assert sum(sizes[:2]) == sum(facts.train)
    assert not any(tmp_path.iterdir())


@pytest.mark.process
def test_names_are_known_without_torch() -> None:
    program = (
        "import sys; import dlsweep.config as c; "
        "c.RunConfig(dataset='CIFAR-10', classes='cat,dog'); "
        "from dlsweep.data import describe; "
        "assert describe(c.RunConfig(dataset='SVHN')).image_shape == (3, 32, 32); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_facts_are_those_of_the_images() -> None:
    for settings in ({}, {"classes": "7,1,3"}, {"color": True, "image_size": "5x6"}):
        config = RunConfig(dataset="digits", **settings)
        facts, data = describe(config), load(**{"name": "digits"}, **_as_text(settings))
        assert facts.image_shape == data.image_shape
        assert facts.classes == data.classes
        labels = np.concatenate([data.train.labels, data.val.labels])
        assert facts.train == tuple(np.bincount(labels))
        assert facts.test == tuple(np.bincount(data.test.labels))
        assert facts.sizes(0.1) == (len(data.train), len(data.val), len(data.test))


def _as_text(settings: dict[str, object]) -> dict[str, str]:
    return {name: str(value).lower() for name, value in settings.items()}


def test_chosen_classes_keep_the_order_and_the_images_of_the_data() -> None:
    whole, part = load("digits"), load("digits", classes="7,1,3")
    assert part.classes == ("1", "3", "7")
    of_these = [int(label) in (1, 3, 7) for label in whole.test.labels]
    assert part.test.images.equal(whole.test.images[of_these])
    assert [part.classes[i] for i in part.test.labels] == [
        whole.classes[i] for i in whole.test.labels[of_these]
    ]


@pytest.mark.parametrize(
    ("classes", "line"),
    [
        ("1,tow", "classes: got 'tow', no class of digits"),
        ("1,11", "classes: got '11', no class of digits; did you mean '1'?"),
    ],
)
def test_an_unknown_class_is_refused(classes: str, line: str) -> None:
    with pytest.raises(ConfigError) as error:
        describe(RunConfig(dataset="digits", classes=classes))
    assert error.value.problems[0].startswith(line)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({}, ""),
        ({"train_size": 54_000}, ""),
        (
            {"train_size": 54_001},
            "train_size: got 54,001, expected 10 (one image of each class) to",
        ),
        ({"train_size": 9}, "train_size: got 9, expected 10 "),
        ({"val_fraction": 0.0001}, "val_fraction: got 0.0001, which makes 6 validation and 59,994"),
        ({"val_fraction": 0.99999}, "val_fraction: got 0.99999, which makes 60,000 validation and"),
        (
            {"model": "cnn", "conv_layers": "8x20,8x10"},
            "conv_layers: convolution 2 (10×10) is larger than the 9×9 image that reaches it",
        ),
        (
            {"model": "cnn", "conv_layers": "8x5,max2,8x3", "image_size": "28x8"},
            "conv_layers: convolution 3 (3×3) is larger than the 12×2 image that reaches it",
        ),
        ({"model": "cnn", "conv_layers": "8x5,max2,8x2", "image_size": "28x8"}, ""),
    ],
)
def test_what_data_cannot_serve_is_refused(settings: dict[str, object], line: str) -> None:
    config = RunConfig(dataset="mnist", **settings)
    problems = data_problems(config, describe(config))
    assert len(problems) == bool(line)
    assert all(problem.startswith(line) for problem in problems)
    if line:
        with pytest.raises(ConfigError, match=line.partition(":")[0]):
            check_data(config)


def facts(*train: int, val: tuple[int, ...] | None = None) -> DataFacts:
    return DataFacts("some", (1, 4, 4), tuple("abcdefg"[: len(train)]), train, val, train)


@pytest.mark.parametrize(
    ("known", "val_fraction", "line"),
    [
        (facts(40, 40, 1), 0.1, "dataset: class 'c' has fewer than 2 of the 81 training images"),
        (facts(40, 40, 2), 0.1, ""),
        (
            facts(200, 4),
            0.97,
            "val_fraction: got 0.97, which leaves no training image of some for b",
        ),
        (facts(4, 1, val=(1, 1)), 0.97, ""),
    ],
)
def test_no_class_is_without_training_images(
    known: DataFacts, val_fraction: float, line: str
) -> None:
    problems = data_problems(RunConfig(val_fraction=val_fraction), known)
    assert len(problems) == bool(line)
    assert all(problem.startswith(line) for problem in problems)
    if not line and known.val is None:
        labels = np.repeat(np.arange(len(known.train)), known.train)
        train, _ = stratified_holdout(labels, val_fraction)
        assert set(labels[train]) == set(labels)
