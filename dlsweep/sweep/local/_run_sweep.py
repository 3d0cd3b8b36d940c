"""``run_sweep``: a sweep from Python, of the built-in networks, a program, or a function."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dlsweep.config import ConfigError, canonical_value
from dlsweep.config.kinds import checked_count
from dlsweep.data import Dataset, fetch, keep_dataset
from dlsweep.sweep.file import SweepFile, datasets_of, load_sweep, parse_sweep, with_dataset
from dlsweep.sweep.local._local_sweep import LocalSweep
from dlsweep.sweep.local._options import SweepOptions, options_without_effect
from dlsweep.sweep.study import StudyTable, read_study

_log = logging.getLogger("dlsweep.sweep")


def run_sweep(
    config: Mapping[str, Any] | str | os.PathLike[str],
    function: Callable[[], object] | None = None,
    count: int | None = None,
    *,
    storage: str | None = None,
    workers: int | None = None,
    device: str | None = None,
    project: str | None = None,
    entity: str | None = None,
    online: bool = False,
    cluster: str | None = None,
    builtin: bool | None = None,
    timeout: float | None = None,
    keep_going: bool = False,
    resume: bool = False,
    continue_from: str | None = None,
    learn_from: Sequence[str] = (),
    confirm: int | None = None,
    seeds: int | None = None,
    seed_parameter: str | None = None,
    repeats: int = 1,
    start: str | None = None,
    data: Dataset | None = None,
) -> StudyTable:
    """Run a sweep without a W&B server, as `dlsweep sweep` does; the same call goes on.

    Args:
        config: a sweep in W&B's schema, or the path of a sweep file.
        function: called for each run in this process, one after the other, as
            ``wandb.agent(ID, function=…)`` does: in a thread, with the point in ``wandb.config``
            once it has called ``wandb.init()``. By default the program that the sweep names is
            run, or the built-in networks are trained.
        count: how many points the sweep has in all; by default its ``run_cap``, or all there are.
        storage: the study file; ``dlsweep.db`` by default.
        workers: how many stacks or programs run at once.
        device: auto, cpu or cuda, of built-in networks.
        project, entity: where W&B puts the runs.
        online: send the runs to W&B while they are trained, rather than keep them on disk.
        cluster: the address of a Ray cluster to run on: HOST:PORT, or auto.
        builtin: train the built-in networks, whatever program the sweep names.
        timeout: seconds after which a program has failed.
        keep_going: go on although the first five runs all fail alike.
        resume: let a program that was interrupted go on with its run.
        continue_from: the name of a study whose finished runs are taken over.
        learn_from: the names of studies from whose runs bayes learns.
        confirm: how many of the best configurations are trained over new seeds at the end; 0 for
            none, by default as many as cost less than a tenth of the sweep.
        seeds: how many new seeds each gets at most.
        seed_parameter: the parameter of the program or function that is its seed.
        repeats: how many seeds each point is trained with; what is searched and ranked is their
            mean.
        start: a configuration that is tried first: a YAML or JSON file of settings, the name or id
            of a run, or the name of a study, whose best one is meant.
        data: what the built-in networks are trained on, in place of the setting ``dataset``; see
            ``dlsweep.data.Dataset.of``. It is kept in the cache, in a file of the size of its
            tensors, from which all workers map it; its content is part of the sweep, so that no
            sweep goes on with other data.

    Returns:
        The study, with every run so far.

    Raises:
        ConfigError: with one line for everything that is wrong.
        ExecutorError: if no worker can start.

    Example::

        def train():
            run = wandb.init()
            run.log({"loss": (run.config.x - 3) ** 2})

        sweep = {"method": "grid", "metric": {"name": "loss", "goal": "minimize"},
                 "parameters": {"x": {"values": [1, 2, 3]}}}
        print(dlsweep.run_sweep(sweep, train).best)
    """
    problems: list[str] = []
    checked_count("count", count, problems)
    checked_count("workers", workers, problems)
    checked_count("seeds", seeds, problems)
    checked_count("repeats", repeats, problems)
    if confirm != 0:
        checked_count("confirm", confirm, problems)
    settings: dict[str, Any] = {}
    if device is not None:
        settings["device"], _ = canonical_value("device", device)
    try:
        sweep = _sweep(config, function, builtin)
        if data is not None:
            if sweep.command is not None:
                raise ConfigError(["data: has no effect on a program or function"])
            reference = keep_dataset(data)
            sweep = parse_sweep(
                with_dataset(sweep.raw, reference), sweep.name, sweep.path, builtin=True
            )
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from None
    options_set = {
        "workers": workers,
        "device": device,
        "cluster": cluster,
        "builtin": builtin,
        "timeout": timeout,
        "keep_going": keep_going,
        "resume": resume,
        "seed_parameter": seed_parameter,
    }
    unused = options_without_effect(sweep, options_set, function=function is not None)
    problems += [f"{name}: {why}" for name, why in unused.items()]
    if problems:
        raise ConfigError(problems)
    for notice in sweep.notices:
        _log.warning(notice)
    if count is not None:
        caps = [cap for cap in (count, sweep.run_cap) if cap is not None]
        sweep = dataclasses.replace(sweep, run_cap=min(caps))
    if sweep.command is None:
        for name in datasets_of(sweep.parameters):
            fetch(name)
    options = SweepOptions(
        storage=storage,
        continue_from=continue_from,
        learn_from=learn_from,
        online=online,
        workers=workers,
        cluster=cluster,
        settings=settings,
        project=project or sweep.project or os.environ.get("WANDB_PROJECT"),
        entity=entity or sweep.entity,
        timeout=timeout,
        keep_going=keep_going,
        resume=resume,
        function=function,
        confirm=confirm,
        seeds=seeds,
        seed_parameter=seed_parameter,
        repeats=repeats,
        start=start,
    )
    with LocalSweep(sweep, options) as local:
        for notice in local.study.notices:
            _log.warning(notice)
        local.run()
        if local.gave_up is not None:
            _log.warning("the sweep stops, for its first runs failed: %s", local.gave_up.reason)
    return read_study(storage, local.study.name)


def _sweep(
    config: Mapping[str, Any] | str | os.PathLike[str],
    function: Callable[[], object] | None,
    builtin: bool | None,
) -> SweepFile:
    """The sweep; of a function, one whose command is the function's name."""
    if function is None:
        if isinstance(config, Mapping):
            return parse_sweep(config, builtin=builtin)
        return load_sweep(Path(config), builtin=builtin)
    name = getattr(function, "__qualname__", type(function).__qualname__)
    name = name.rpartition("<locals>.")[2].strip("<>")
    command = {"program": None, "command": [f"{name}()"]}
    if isinstance(config, Mapping):
        return parse_sweep({**config, **command}, name=name, builtin=False)
    loaded = load_sweep(Path(config), builtin=False)
    return parse_sweep({**loaded.raw, **command}, loaded.name, loaded.path, builtin=False)
