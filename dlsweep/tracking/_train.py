"""``train``: trains one run and logs it to W&B."""

from __future__ import annotations

import dataclasses
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import wandb

from dlsweep._unwritable import Unwritable, is_full
from dlsweep.config import ConfigError, RunConfig, parse_settings
from dlsweep.config.relations import without_effect
from dlsweep.data import Dataset, check_data, keep_dataset
from dlsweep.tracking._mode import NO_ACCOUNT, choose_mode
from dlsweep.tracking._outcome import conclude
from dlsweep.tracking._project import project_of_environment
from dlsweep.tracking._run import TrackedRun, start
from dlsweep.tracking._transaction_log import TransactionLog
from dlsweep.training import EpochEnd, EpochMetrics, RunResult, Stack, load_data, refuse_oversized
from dlsweep.training._doubts import doubts

_log = logging.getLogger("dlsweep.tracking")

_END_SECONDS = 5.0
"""How long the end of a run may take to be written."""


def train_tracked(
    configs: Sequence[RunConfig], data: Dataset, runs: Sequence[TrackedRun]
) -> Iterator[EpochEnd]:
    """Train a stack and log every epoch of every member; yields what the engine yields."""
    for end in Stack(configs, data):
        for i, metrics in end.metrics.items():
            result = end.results.get(i)
            runs[i].log(metrics, None if result is None else conclude(result, data))
        yield end


def train(
    config: RunConfig | Mapping[str, Any] | None = None,
    *,
    data: Dataset | None = None,
    on_epoch: Callable[[RunConfig, EpochMetrics], None] | None = None,
) -> RunResult:
    """Train one run and log it to W&B: alone, or as a run of a W&B sweep.

    It is what train.py calls, and what ``wandb.agent(sweep_id, function=dlsweep.train)`` takes. A
    sweep's settings go before those of ``config``. Without W&B credentials the run is kept offline;
    WANDB_MODE always decides.

    Args:
        config: settings by any of their names; what is missing comes from the sweep, or is the
            default.
        data: what to train on, in place of the setting ``dataset``; it is kept in the cache, and
            the setting becomes a reference to it. See ``dlsweep.data.Dataset.of``.
        on_epoch: called after every epoch.

    Returns:
        The run's result; it has been logged and the run is closed.

    Raises:
        ConfigError: with one line for every setting that is wrong.
        dlsweep.data.DataUnavailable: if no source of the data can be reached.
        TrackingError: if W&B cannot be reached or does not know the user.
    """
    values = config.as_dict() if isinstance(config, RunConfig) else dict(config or {})
    own = {} if data is None else {"dataset": keep_dataset(data)}
    settings, explicit, notices = parse_settings(values | own)
    _warn(notices)
    if not _in_sweep():  # whose parameters some of its runs may heed, and others not
        _warn(_without_effect(settings, explicit))
    # Only an open run has the settings of a sweep; alone, all is checked before a run is opened.
    dtype = torch.float32 if data is None else data.train.images.dtype
    data = None if _in_sweep() else _data_for(settings, explicit, dtype)
    if "wandb_project" not in explicit and (project := project_of_environment()):
        settings = dataclasses.replace(settings, wandb_project=project)
    run, mode = _open(settings)
    try:
        if data is None:
            _, swept, notices = parse_settings(dict(run.config))
            _warn(notices)
            place = {"wandb_project": run.project, "wandb_entity": run.entity}
            settings, _, _ = parse_settings({**explicit, **swept, **place, **own})
            data = _data_for(settings, swept, dtype)
        tracked = TrackedRun(run, settings)
        if settings.figures == "full":
            tracked.show_data(data)
        if mode == "offline":
            why = "this run is kept offline" if "WANDB_MODE" in os.environ else NO_ACCOUNT
            _log.warning("%s; upload it with: wandb sync %s", why, tracked.directory)
        results: dict[int, RunResult] = {}
        for end in train_tracked([settings], data, [tracked]):
            results.update(end.results)
            if on_epoch is not None:
                on_epoch(settings, end.metrics[0])
            if mode in ("offline", "online") and not tracked.directory.is_dir():
                raise Unwritable([f"{tracked.directory} was removed while the run was trained"])
    except BaseException as error:
        _fail(run, error)
        raise
    tracked.finish()
    if mode == "offline" and _is_cut(tracked.directory):
        raise Unwritable([f"{tracked.directory} lacks the end of the run: the disk is full"])
    if tracked.model is not None:
        _log.info("the model is kept in %s", tracked.model)
    elif settings.save_model:
        why = "the run diverged in its first epoch"
        if results[0].best_epoch:
            why = "WANDB_MODE is disabled"
        _log.warning("no model was kept: %s", why)
    return results[0]


def _is_cut(directory: Path) -> bool:
    """Whether the log of an offline run lacks its end because the disk is full.

    wandb writes the end in another process, soon after the run has finished.
    """
    logs = [TransactionLog(path) for path in directory.glob("*.wandb")]
    end = time.monotonic() + _END_SECONDS
    while is_full(directory) and time.monotonic() < end:
        for log in logs:
            log.read()
        if any(log.exit_code is not None for log in logs):
            return False
        time.sleep(0.05)
    return is_full(directory)


def _data_for(settings: RunConfig, given: Mapping[str, Any], dtype: torch.dtype) -> Dataset:
    """The data to train on; refuses what it cannot serve, and what is too large to be trained."""
    facts = check_data(settings)
    if facts.val is not None and "val_fraction" in given:
        _log.warning("val_fraction: no effect: %s has a validation split of its own", facts.name)
    images, _, _ = facts.sizes(settings.val_fraction, settings.train_size)
    _warn(doubts({name: (value,) for name, value in settings.values().items()}, images))
    refuse_oversized(settings)
    return load_data(settings, dtype)


def _without_effect(settings: RunConfig, explicit: Mapping[str, Any]) -> list[str]:
    """Notices of settings that differ from their defaults and change nothing."""
    defaults = RunConfig().as_dict()
    changed = [name for name, value in explicit.items() if value != defaults.get(name)]
    return without_effect(changed, {name: (value,) for name, value in settings.values().items()})


def _in_sweep() -> bool:
    """Whether an agent of W&B's has started this process, or this call, for a run of a sweep."""
    return "WANDB_SWEEP_ID" in os.environ


def refuse(error: ConfigError) -> None:
    """End the run of a W&B sweep as failed before it began: its settings are wrong."""
    run, _ = _open(RunConfig())
    _fail(run, error)


def _open(settings: RunConfig) -> tuple[wandb.Run, str]:
    """A run, and the mode that it is in. In a sweep it goes where the sweep is."""
    mode = choose_mode()
    run = start(
        project=None if _in_sweep() else settings.wandb_project,
        entity=None if _in_sweep() else settings.wandb_entity,
        mode=mode,
        settings=wandb.Settings(silent=True) if mode == "offline" else None,
    )
    return run, mode


def _fail(run: wandb.Run, error: BaseException) -> None:
    run.summary.update({"status": "failed", "reason": str(error) or type(error).__name__})
    run.finish(exit_code=2 if isinstance(error, ConfigError) else 1)


def _warn(notices: Sequence[str]) -> None:
    for notice in notices:
        _log.warning(notice)
