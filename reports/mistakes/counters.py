"""S4's mistake: the counts of right and of all test images go on from one model to the next.

A notebook in one program: six cells, each trains a network and prints its test accuracy. What it
prints is logged beside what it should have printed.
"""

from __future__ import annotations

import argparse
from itertools import chain, pairwise

import torch
import wandb
from torch import nn

from dlsweep.data import load

CELLS = (  # activation, learning rate, weight decay; in the order in which they are run
    ("sigmoid", nn.Sigmoid, 0.01, 0.0),
    ("tanh", nn.Tanh, 0.001, 0.0),
    ("tanh again", nn.Tanh, 0.01, 0.0),
    ("relu, too fast", nn.ReLU, 1.0, 0.0),
    ("relu", nn.ReLU, 0.01, 0.0),
    ("relu, weight decay", nn.ReLU, 0.01, 0.01),
)


def main() -> None:
    """Run the cells, and log what each prints beside what it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--train_size", type=int)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    data = load(given.dataset, train_size=given.train_size)
    images, labels = data.train.images.flatten(1), data.train.labels
    correct = total = 0
    with wandb.init() as run:
        for cell, (name, activation, rate, decay) in enumerate(CELLS, start=1):
            torch.manual_seed(given.seed)
            sizes = [images.shape[1], 500, 250, 100]
            layers = [[nn.Linear(a, b), activation()] for a, b in pairwise(sizes)]
            model = nn.Sequential(*chain(*layers), nn.Linear(100, len(data.classes)))
            rule = torch.optim.Adam(model.parameters(), lr=rate, weight_decay=decay)
            for _ in range(given.epochs):
                for batch in torch.randperm(len(labels)).split(64):
                    rule.zero_grad()
                    nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
                    rule.step()
            with torch.no_grad():
                taken = model(data.test.images.flatten(1)).argmax(1)
            right = int((taken == data.test.labels).sum())
            # The mistake: these two belong to the cell, and are set to 0 before the first one only.
            correct, total = correct + right, total + len(data.test.labels)
            printed, true = correct / total, right / len(data.test.labels)
            run.log(
                {"cell": cell, "right": right, "total": total, "printed": printed, "true": true}
            )
            run.summary[f"printed {cell} ({name})"] = printed
            run.summary[f"true {cell} ({name})"] = true


if __name__ == "__main__":
    main()
