"""What a model's file keeps of its training images, so that others can be made like them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlsweep.data import Dataset
from dlsweep.saved._framing import Framing, framing_of
from dlsweep.saved._resemblance import Resemblance, resemblance_of


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a model's file keeps of the images that it was trained on.

    Attributes:
        dark_ground: whether they show things on a dark ground.
        framing: where strokes lie in them; None where they are not drawings of strokes.
        resemblance: what they are like; None where there were too few.
    """

    dark_ground: bool = False
    framing: Framing | None = None
    resemblance: Resemblance | None = None

    def as_json(self) -> str:
        """All but the arrays, for the metadata of the file."""
        framing = None if self.framing is None else self.framing.as_dict()
        return json.dumps({"dark_ground": self.dark_ground, "framing": framing})

    @classmethod
    def of(cls, kept: Mapping[str, Any], resemblance: Resemblance | None) -> Inputs:
        """From the metadata and the arrays of a file; of older ones there is nothing."""
        framing = kept.get("framing")
        if framing is not None:
            framing = Framing(**framing | {"centre": tuple(framing["centre"])})
        return cls(kept.get("dark_ground", False), framing, resemblance)


def learn_inputs(data: Dataset) -> Inputs:
    """Measure what the images of a data set are like, in some tenths of a second."""
    train, val = data.train.images.cpu().numpy(), data.val.images.cpu().numpy()
    sample = train[:: max(1, len(train) // 200)]
    rims = [sample[:, :, 0], sample[:, :, -1], sample[..., 0], sample[..., -1]]
    levels = np.median(np.concatenate([rim.mean(axis=1) for rim in rims], axis=1), axis=1)
    dark = train.shape[2] > 1 and float((levels < 0.25).mean()) > 0.75
    return Inputs(dark, framing_of(sample), resemblance_of(train, val))
