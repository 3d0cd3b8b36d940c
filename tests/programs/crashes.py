"""A program that crashes for some points."""

import os
import signal
import sys
import time

import wandb

wandb.init()
how = wandb.config.how
print("some output", flush=True)
if how == "error":
    raise ValueError("width must be\npositive")
if how == "signal":
    time.sleep(1.5)  # wandb writes every now and then
    os.kill(os.getpid(), signal.SIGSEGV)
if how == "code":
    print("no such data set  \n\n", file=sys.stderr)
    sys.exit(7)
wandb.log({"loss": 1.0})
