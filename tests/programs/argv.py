"""A program that keeps its command line, and ends only when there is a file."""

import os
import sys
import time

import wandb

with wandb.init(config={"argv": sys.argv[1:]}) as run:
    config = run.config
    run.log({"loss": 1.0})
    while not os.path.exists("go"):
        time.sleep(0.02)
    run.log({"loss": config["lr"] * config["net"]["width"]})
    run.summary["words"] = "put there by hand"
