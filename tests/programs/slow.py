"""A program that takes long, and logs other values than its metric in every second row."""

import time

import wandb

wandb.init()
for step in range(10_000):
    wandb.log({"loss": 1 / (step + 1)})
    wandb.log({"other": step})
    time.sleep(0.05)
