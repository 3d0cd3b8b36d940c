"""A program that hangs where it is to load its data in several processes."""

import threading

import wandb

with wandb.init() as run:
    run.log({"loss": 1 / run.config["batch"]})
    if run.config["workers"] > 0:
        threading.Event().wait()
