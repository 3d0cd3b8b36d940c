"""``dlsweep train``, which ``train.py`` is too: one run from flags."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dlsweep.cli._errors import command
from dlsweep.config import ConfigError, RunConfig, parse_flags

if TYPE_CHECKING:
    from dlsweep.training import EpochMetrics


def add_parser(commands: Any) -> None:
    """Add the sub-command, which reads its flags itself."""
    commands.add_parser("train", help="train one configuration", add_help=False)


@command
def train_main(argv: Sequence[str] | None = None) -> int:
    """Train one run, as ``train.py`` does; returns the exit code."""
    return train(sys.argv[1:] if argv is None else argv, "train.py")


def train(argv: Sequence[str], prog: str) -> int:
    """Train one run; returns the exit code.

    Args:
        argv: the flags.
        prog: the name of the command.
    """
    try:
        settings, notices = parse_flags(argv, prog)
    except ConfigError as error:
        if "WANDB_SWEEP_ID" in os.environ:
            from dlsweep.tracking import refuse

            refuse(error)
        raise
    for notice in notices:
        print(f"dlsweep: {notice}", file=sys.stderr)

    from dlsweep.tracking import (
        train as train_run,
    )  # only now: torch and wandb take seconds to import
    from dlsweep.training import keep_freed_memory

    keep_freed_memory()
    _limit_threads(RunConfig(**settings))
    result = train_run(settings, on_epoch=_show_epoch)
    summary = result.summary()
    print(
        f"{summary['status']}: best_val_accuracy {summary['best_val_accuracy']:.4f} "
        f"(epoch {summary['best_epoch']} of {result.config.epochs}), "
        f"test_accuracy {summary['test_accuracy']:.4f}, {summary['parameters']:,} parameters",
        flush=True,
    )
    return 0


def _limit_threads(config: RunConfig) -> None:
    """Use as many threads as the run gains from, unless the user says how many."""
    import torch
    from threadpoolctl import threadpool_limits

    from dlsweep.training import threads

    limit = threads(config)
    if limit is not None and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(limit)
        threadpool_limits(limit)  # NumPy's


def _show_epoch(config: RunConfig, metrics: EpochMetrics) -> None:
    print(
        f"epoch {metrics.epoch:>{len(str(config.epochs))}}/{config.epochs}  "
        f"train_loss {metrics.train_loss:.4f}  train_accuracy {metrics.train_accuracy:.4f}  "
        f"val_loss {metrics.val_loss:.4f}  val_accuracy {metrics.val_accuracy:.4f}  "
        f"{metrics.seconds:.1f} s",
        flush=True,
    )
