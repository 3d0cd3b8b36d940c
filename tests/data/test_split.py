from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from dlsweep.data._split import shares_held_out, stratified_holdout, stratified_subset

LABELS = np.random.default_rng(3).permutation(np.repeat([0, 1, 2, 3], [400, 300, 200, 100]))


def test_holdout_is_a_partition_with_each_class_its_share() -> None:
    stay, held_out = stratified_holdout(LABELS, 0.1)
    np.testing.assert_array_equal(np.sort(np.concatenate([stay, held_out])), np.arange(1000))
    np.testing.assert_array_equal(np.bincount(LABELS[held_out]), [40, 30, 20, 10])


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.0137, 0.333, 0.5, 0.91])
@pytest.mark.parametrize("classes", [(400, 300, 200, 100), (7, 7, 7), (33, 2, 61, 33, 200, 5)])
def test_holdout_is_sklearns_with_seed_0(classes: tuple[int, ...], fraction: float) -> None:
    from sklearn.model_selection import train_test_split

    labels = np.random.default_rng(5).permutation(np.repeat(np.arange(len(classes)), classes))
    try:
        stay, held_out = train_test_split(
            np.arange(len(labels)), test_size=fraction, stratify=labels, random_state=0
        )
    except ValueError:
        with pytest.raises(ValueError, match="too few"):
            stratified_holdout(labels, fraction)
        return
    found = stratified_holdout(labels, fraction)
    np.testing.assert_array_equal(found[0], sorted(stay))
    np.testing.assert_array_equal(found[1], sorted(held_out))


@pytest.mark.parametrize(("classes", "fraction"), [((4, 4), 0.01), ((4, 4), 0.9), ((4, 1), 0.3)])
def test_holdout_of_too_few_is_refused(classes: tuple[int, ...], fraction: float) -> None:
    with pytest.raises(ValueError, match="too few to hold out"):
        stratified_holdout(np.repeat(np.arange(len(classes)), classes), fraction)


def test_holdout_ignores_global_random_state() -> None:
    np.random.seed(1)
    first = stratified_holdout(LABELS, 0.1)[1]
    np.random.seed(2)
    np.testing.assert_array_equal(first, stratified_holdout(LABELS, 0.1)[1])


@pytest.mark.parametrize("size", [4, 5, 10, 123, 997, 999, 1000])
def test_subset_gives_each_class_its_share(size: int) -> None:
    chosen = stratified_subset(LABELS, size)
    assert len(np.unique(chosen)) == len(chosen) == size
    counts = np.bincount(LABELS[chosen], minlength=4)
    assert counts.min() >= 1
    assert np.abs(counts - size * np.array([0.4, 0.3, 0.2, 0.1])).max() <= 1


def test_subset_is_a_random_choice_and_always_the_same() -> None:
    chosen = stratified_subset(LABELS, 100)
    np.testing.assert_array_equal(chosen, stratified_subset(LABELS, 100))
    # The first 100, or a stretch in the middle, would have a span of 100.
    assert chosen[-1] - chosen[0] > 900


def test_smaller_subsets_lie_in_larger_ones() -> None:
    sizes = (4, 37, 500, 996, 1000)
    subsets = [set(stratified_subset(LABELS, size)) for size in sizes]
    for small, large in pairwise(subsets):
        assert small < large


@pytest.mark.parametrize("fraction", [0.1, 0.333, 0.91])
@pytest.mark.parametrize("counts", [(400, 300, 200, 100), (33, 2, 61, 33, 200, 5)])
def test_shares_are_those_of_the_holdout(counts: tuple[int, ...], fraction: float) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    parts = stratified_holdout(labels, fraction)
    for part, share in zip(parts, shares_held_out(np.array(counts), fraction), strict=True):
        np.testing.assert_array_equal(np.bincount(labels[part], minlength=len(counts)), share)
