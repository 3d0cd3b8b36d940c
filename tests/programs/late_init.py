"""A program that begins its run late, with names of its own, and fills in the summary by hand."""

import wandb

losses = [1 / (epoch + 1) for epoch in range(5)]  # the training
wandb.init(project="mine", entity="my-team", name="late", id="always-the-same", group="mine")
for epoch, loss in enumerate(losses):
    wandb.log({"val/acc": 1 - loss, "val.acc": loss, "loss": loss}, step=10 * epoch)
wandb.run.summary["best"] = max(1 - loss for loss in losses)
wandb.run.summary["final"] = {"loss": losses[-1]}
