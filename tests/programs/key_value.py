"""A program with key=value arguments, as Hydra has them."""

import sys

import wandb

cfg = dict(argument.split("=", 1) for argument in sys.argv[1:])
run = wandb.init(config={"optimizer": cfg["optimizer"], "lr": float(cfg["lr"])})
for step in range(2):
    wandb.log({"loss": run.config["lr"] / (step + 1), "adam": int(cfg["optimizer"] == "adam")})
wandb.finish()
