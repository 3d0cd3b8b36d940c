"""Real colour pictures of two classes, which come with scikit-learn: a temple, and a dahlia."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_sample_images

SIDE, STRIDE = 32, 16
"""Pixels: of a patch, and from one patch to the next."""
SPLITS = {"train": (0, 368), "val": (368, 496), "test": (496, 640)}
"""Columns of both photographs; no pixel is in two splits."""


def patches() -> dict[str, np.ndarray]:
    """Square patches of the two photographs, 427 by 640 pixels each, labelled by the photograph."""
    found: dict[str, np.ndarray] = {}
    for split, (left, right) in SPLITS.items():
        images, labels = [], []
        for label, photograph in zip(
            ("temple", "dahlia"), load_sample_images().images, strict=True
        ):
            for top in range(0, photograph.shape[0] - SIDE + 1, STRIDE):
                for start in range(left, right - SIDE + 1, STRIDE):
                    images.append(photograph[top : top + SIDE, start : start + SIDE])
                    labels.append(label)
        found[f"x_{split}"], found[f"y_{split}"] = np.stack(images), np.array(labels)
    return found
