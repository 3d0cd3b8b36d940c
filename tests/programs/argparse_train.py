"""A program that parses its flags, with a project, a name and a run id of its own."""

import argparse

import wandb

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--width", type=int, default=8)
args = parser.parse_args()

run = wandb.init(project="mine", name="my run", id="my-id", config=vars(args))
for epoch in range(3):
    run.log({"epoch": epoch, "loss": args.lr / (epoch + 1)})
    print(f"epoch {epoch}: width {args.width}, loss {args.lr / (epoch + 1):.3f}")
run.finish()
