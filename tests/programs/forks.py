"""A program that works in several processes."""

import multiprocessing

import wandb


def square(x):
    return x * x


if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool:
        before = pool.map(square, range(3))
    run = wandb.init()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for value in pool.imap(square, before):
            run.log({"loss": value})
