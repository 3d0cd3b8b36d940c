"""What augmentations do to images."""

import numpy as np
import pytest
import torch

from dlsweep.parts import AUGMENTATIONS


def test_shift_moves_images_and_fills_with_zeros():
    shift, image = AUGMENTATIONS["shift"], torch.arange(1.0, 13).view(1, 1, 3, 4)
    drawn = torch.tensor([[0, 0], [1, 1], [2, 1], [1, 0]])
    moved = shift.apply(image.expand(4, 2, 3, 4), drawn, 1)
    assert moved.shape == (4, 2, 3, 4)
    down_right, same, up, right = moved[:, 1]
    assert torch.equal(same, image[0, 0])
    assert torch.equal(up[:2], image[0, 0, 1:])
    assert torch.equal(up[2], torch.zeros(4))
    assert torch.equal(right[:, 1:], image[0, 0, :, :-1])
    assert torch.equal(right[:, 0], torch.zeros(3))
    assert torch.equal(down_right[1:, 1:], image[0, 0, :-1, :-1])


def test_flip_mirrors_some():
    images = torch.rand(3, 2, 4, 5)
    flipped = AUGMENTATIONS["flip"].apply(images, torch.tensor([0, 1, 1]), 0)
    assert torch.equal(flipped[0], images[0])
    assert torch.equal(flipped[1:], images[1:].flip(3))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_all_that_can_be_drawn_is_drawn_about_as_often(name):
    part = AUGMENTATIONS[name]
    drawn = part.draw(np.random.default_rng(0), 4_000, part.amount)
    assert len(drawn) == 4_000
    for column in drawn.reshape(4_000, -1).T:
        values, counts = np.unique(column, return_counts=True)
        assert list(values) == list(range(2 * part.amount + 1 if part.amount else 2))
        assert counts.min() > 0.85 * 4_000 / len(values)
