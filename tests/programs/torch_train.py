"""A program that trains a PyTorch network, with flags for its settings."""

import argparse

import torch
import wandb
from torch import nn


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--hidden_size", type=int, default=16)
    parser.add_argument("--activation", choices=["relu", "tanh"], default="relu")
    return parser.parse_args()


def main():
    args = parse_args()
    wandb.init(project="xor", config=args)
    torch.manual_seed(0)
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    activation = {"relu": nn.ReLU, "tanh": nn.Tanh}[args.activation]
    model = nn.Sequential(
        nn.Linear(2, args.hidden_size), activation(), nn.Linear(args.hidden_size, 1)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        wandb.log({"epoch": epoch, "train/loss": loss})
    print(f"{torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
