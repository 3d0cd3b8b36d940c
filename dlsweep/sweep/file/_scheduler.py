"""Keys of a sweep file that are for W&B's own schedulers: what becomes of them here.

Since wandb 0.31 a sweep may name a ``scheduler`` that `wandb sweep-scheduler` runs, with several
``metrics`` and a Python function for its ``search_space``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlsweep.config.errors import fold, shown

SCHEDULER_KEYS = ("metrics", "scheduler", "controller", "settings")
"""What W&B's schedulers read."""

LAUNCH_KEYS = ("apiVersion", "kind", "job", "image_uri", "queue", "resource", "launch")
"""What W&B Launch reads."""


def written_metrics(config: Mapping[str, Any]) -> list[Any]:
    """The ``metrics`` of a sweep, which come before its ``metric``, as in W&B; maybe none."""
    metrics = config.get("metrics")
    if isinstance(metrics, list) and metrics:
        return metrics
    return [] if config.get("metric") is None else [config["metric"]]


def without_schedulers(
    keys: Mapping[str, Any], problems: list[str], notices: list[str]
) -> dict[str, Any]:
    """The keys of a sweep file as they count here: with ``method`` filled in.

    Args:
        keys: the file's values by canonical keys.
        problems: gets a line where the search itself is a program of the user's.
        notices: gets a line for everything that has no effect.
    """
    found = dict(keys)
    metrics = found.get("metrics")
    if metrics is not None:
        if not isinstance(metrics, list) or not all(isinstance(m, Mapping) for m in metrics):
            problems.append(f"metrics: got {shown(metrics)}, expected a list of metrics")
        elif metrics and keys.get("metric") is not None:
            notices.append("metric: no effect beside metrics, as in W&B")
    scheduler = found.get("scheduler")
    if scheduler is not None:
        options = scheduler if isinstance(scheduler, Mapping) else {}
        engine = options.get("engine") or "wandb"
        if options.get("search_space") is not None:
            function = shown(options["search_space"])
            problems.append(
                f"scheduler.search_space: {function} is run by W&B's scheduler only; list the "
                "parameters under `parameters`"
            )
        elif fold(engine) in ("optuna", "ax") and fold(found.get("method")) in ("none", "custom"):
            found["method"] = "bayes"
            notices.append(f"scheduler: no effect here; method bayes searches instead of {engine}")
        else:
            notices.append("scheduler: no effect here; the file's method searches")
        if options.get("optimizer") is not None:
            notices.append("scheduler.optimizer: no effect here, stopping rules of its included")
    others = [key for key in ("controller", "settings", *LAUNCH_KEYS) if found.get(key) is not None]
    if others:
        notices.append(f"{', '.join(others)}: no effect here")
    return found
