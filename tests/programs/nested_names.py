"""A program with nested metrics, and with summaries that it defines itself."""

import wandb

run = wandb.init()
run.define_metric("best", summary="max")
for i in range(3):
    run.log({"val": {"acc": i / 10}, "val/f1": i / 20, "best": [0.5, 0.9, 0.7][i]})
