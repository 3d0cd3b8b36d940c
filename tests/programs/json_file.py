"""A program that reads its settings from a JSON file."""

import json
import sys

import wandb

with open(sys.argv[1]) as file:
    settings = json.load(file)
with wandb.init(config=settings) as run:
    run.log({"loss": settings["net"]["width"] + settings["lr"]})
