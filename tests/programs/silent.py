"""A program without wandb."""

print("nothing to log")
