"""A program that goes on where it was interrupted, from a file of its own."""

import os
import sys
import time

import wandb

run = wandb.init()
print("resume", os.environ.get("WANDB_RESUME"), "with", sys.argv[1:], flush=True)
begin = 0
if os.path.exists("state"):
    with open("state") as file:
        begin = int(file.read())
for epoch in range(begin, 4):
    run.log({"loss": 1 / (epoch + 1)})
    with open("state", "w") as file:
        file.write(str(epoch + 1))
    while epoch == 1 and begin == 0:  # until it is interrupted
        time.sleep(0.02)
