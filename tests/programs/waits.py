"""A program that logs, and goes on only when a file is there."""

import os
import time

import wandb

with wandb.init() as run:
    run.log({"loss": 1.0})
    while not os.path.exists("go"):
        time.sleep(0.02)
    run.log({"loss": 0.5})
