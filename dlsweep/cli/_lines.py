"""What one run says in a terminal while it is trained, and at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dlsweep.config import RunConfig

if TYPE_CHECKING:
    from dlsweep.training import EpochMetrics


def result_line(config: RunConfig, summary: Mapping[str, Any]) -> str:
    """A run's end in a line."""
    return (
        f"{summary['status']}: best_val_accuracy {summary['best_val_accuracy']:.4f} "
        f"(epoch {summary['best_epoch']} of {config.epochs}), "
        f"test_accuracy {summary['test_accuracy']:.4f}, {summary['parameters']:,} parameters"
    )


def show_epoch(config: RunConfig, metrics: EpochMetrics) -> None:
    """Print an epoch of a run as a line."""
    more = "".join(f"{name} {value:.4f}  " for name, value in metrics.more.items())
    print(
        f"epoch {metrics.epoch:>{len(str(config.epochs))}}/{config.epochs}  "
        f"train_loss {metrics.train_loss:.4f}  train_accuracy {metrics.train_accuracy:.4f}  "
        f"val_loss {metrics.val_loss:.4f}  val_accuracy {metrics.val_accuracy:.4f}  "
        f"{more}"
        f"{metrics.seconds:.1f} s",
        flush=True,
    )
