"""S1's mistakes, each behind a flag: a 4×128 tanh network on Fashion-MNIST, Adam, by hand.

``python full_batch.py --mistake one_step_an_epoch`` makes one of them; ``none`` makes none.
"""

from __future__ import annotations

import argparse
from itertools import chain, pairwise

import torch
import wandb
from torch import nn

from dlsweep.data import load

MISTAKES = ("none", "one_step_an_epoch", "weight_decay_left_out", "biases_left_out", "all")


def main() -> None:
    """Train, and log every epoch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mistake", choices=MISTAKES, default="none")
    parser.add_argument("--weight_decay", type=float, default=0.0)
    parser.add_argument("--dataset", default="fashion_mnist")
    parser.add_argument("--train_size", type=int)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    made = set(MISTAKES) if given.mistake == "all" else {given.mistake}
    data = load(given.dataset, train_size=given.train_size)
    images, labels = data.train.images.flatten(1), data.train.labels
    torch.manual_seed(given.seed)
    sizes = [images.shape[1], *[128] * 4]
    layers = [[nn.Linear(a, b), nn.Tanh()] for a, b in pairwise(sizes)]
    model = nn.Sequential(*chain(*layers), nn.Linear(128, len(data.classes)))
    for layer in model:
        if isinstance(layer, nn.Linear):  # as published, with zeros for biases
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    trained = [  # the published update rules went over the weights only
        parameter
        for name, parameter in model.named_parameters()
        if "biases_left_out" not in made or "bias" not in name
    ]
    decay = 0.0 if "weight_decay_left_out" in made else given.weight_decay
    rule = torch.optim.Adam(trained, lr=0.001, weight_decay=decay)
    size = len(labels) if "one_step_an_epoch" in made else 64  # gradients added up, one step
    with wandb.init() as run:
        for epoch in range(1, given.epochs + 1):
            for batch in torch.randperm(len(labels)).split(size):
                rule.zero_grad()
                nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
                rule.step()
            scores = {}
            for name, split in (("val", data.val), ("test", data.test)):
                with torch.no_grad():
                    right = model(split.images.flatten(1)).argmax(1) == split.labels
                scores[f"{name}_accuracy"] = right.float().mean().item()
            steps = epoch * -(-len(labels) // size)
            run.log({"epoch": epoch, "steps": steps, **scores})


if __name__ == "__main__":
    main()
