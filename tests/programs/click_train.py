"""A program with a click command."""

import click
import wandb


@click.command()
@click.option("--lr", default=0.1)
@click.option("--batch-size", "batch_size", default=32)
@click.option("--augment/--no-augment", default=False)
def main(lr, batch_size, augment):
    with wandb.init(project="clicked") as run:
        run.log({"loss": lr * batch_size, "augmented": int(augment)})


if __name__ == "__main__":
    main()
