"""S2's mistake: a CNN that is trained without some digits, and tested on all of them.

``python missing_digits.py --left_out 0,4,7`` makes it; ``--left_out none`` does not.
"""

from __future__ import annotations

import argparse

import torch
import wandb
from torch import Tensor, nn

from dlsweep.data import load


def without(images: Tensor, labels: Tensor, digits: list[int]) -> tuple[Tensor, Tensor]:
    """The images of all other digits."""
    kept = ~torch.isin(labels, torch.tensor(digits, dtype=labels.dtype))
    return images[kept], labels[kept]


def main() -> None:
    """Train, and log every epoch; the recall of each digit at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--left_out", default="0,4,7")
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--train_size", type=int)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    left_out = [] if given.left_out == "none" else [int(d) for d in given.left_out.split(",")]
    data = load(given.dataset, train_size=given.train_size, val_fraction=0.2)
    images, labels = without(data.train.images, data.train.labels, left_out)
    splits = {
        "val": without(data.val.images, data.val.labels, left_out),  # held out of the same images
        "test": (data.test.images, data.test.labels),
    }
    torch.manual_seed(given.seed)
    model = nn.Sequential(
        *(nn.Conv2d(1, 16, 5, 2), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 8, 3), nn.BatchNorm2d(8), nn.ReLU()),
        *(nn.Flatten(), nn.LazyLinear(10)),
    )
    model(images[:2])
    rule = torch.optim.Adam(model.parameters(), lr=0.01)
    with wandb.init() as run:
        for epoch in range(1, given.epochs + 1):
            model.train()
            for batch in torch.randperm(len(labels)).split(1000):
                if len(batch) > 1:
                    rule.zero_grad()
                    nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
                    rule.step()
            model.eval()
            scores = {}
            for name, (pictures, true) in splits.items():
                with torch.no_grad():
                    taken = torch.cat([model(part).argmax(1) for part in pictures.split(2000)])
                scores[f"{name}_accuracy"] = (taken == true).float().mean().item()
            run.log({"epoch": epoch, **scores})
        for digit in range(10):  # of the test images, after the last epoch
            mine = true == digit
            run.summary[f"recall_{digit}"] = (taken[mine] == digit).float().mean().item()
            run.summary[f"taken_for_{digit}"] = int((taken == digit).sum())
        for digit in left_out:
            run.summary[f"{digit}_is_mostly_read_as"] = int(taken[true == digit].mode().values)


if __name__ == "__main__":
    main()
