"""A program that trains until it has converged, or for three minutes."""

import argparse
import os
import signal
import sys
import time

import wandb

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
args = parser.parse_args()
run = wandb.init(config=args)


def terminated(number, frame):
    with open(f"terminated-{os.environ['WANDB_RUN_ID']}", "w") as file:
        file.write(signal.Signals(number).name)
    sys.exit(1)


signal.signal(signal.SIGTERM, terminated)
loss = 1.0
for _ in range(3600):
    loss *= 1 - args.lr
    run.log({"train": {"loss": loss}})
    if loss < 1e-3:
        break
    time.sleep(0.05)
