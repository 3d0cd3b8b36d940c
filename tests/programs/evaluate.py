"""The second part of train.sh: another process of the same run."""

import wandb

with wandb.init() as run:
    run.log({"test_loss": run.config.lr / 10})
