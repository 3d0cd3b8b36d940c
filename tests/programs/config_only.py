"""A program that reads wandb.config alone, and never finishes its run."""

import json

import wandb

wandb.init()
config = wandb.config
print(json.dumps(dict(config)))
for _ in range(2):
    wandb.log({"loss": config.lr * config.net["width"]})
