"""The ways to search that others have, by their own packages; what is not installed is left out."""

from __future__ import annotations

import importlib.util
import itertools
import math
import sys
import tempfile
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import optuna

from benchmarks.search.curves import AXES, EPOCHS, SWEEP, number_of

_RULE = {"type": "hyperband", "min_iter": 1, "eta": 3}


class OptunaTpe:
    """Optuna's TPE as it is by default, with its Hyperband pruner or without; see ``Method``.

    Args:
        seed: of the sampler.
        pruner: whether runs are pruned.
    """

    def __init__(self, seed: int, *, pruner: bool) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        rule: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
        if pruner:
            rule = optuna.pruners.HyperbandPruner(1, EPOCHS, 3)
        sampler = optuna.samplers.TPESampler(seed=seed)
        self._study = optuna.create_study(
            direction="maximize", sampler=sampler, pruner=rule, study_name=str(seed)
        )
        self._distributions = {
            name: optuna.distributions.CategoricalDistribution(values)
            for name, values in AXES.items()
        }
        self._trials: dict[int, optuna.Trial] = {}

    def ask(self) -> tuple[int, int, int]:
        """See ``Method``."""
        trial = self._study.ask(self._distributions)
        self._trials[trial.number] = trial
        return trial.number, number_of(trial.params), 0

    def report(self, epochs: Mapping[int, tuple[int, float | None]]) -> Collection[int]:
        """See ``Method``."""
        stopped = set()
        for key, (epoch, value) in epochs.items():
            self._trials[key].report(math.nan if value is None else value, epoch)
            if self._trials[key].should_prune():
                stopped.add(key)
        return stopped

    def tell(self, key: int, epochs: int, value: float | None) -> None:
        """See ``Method``."""
        if value is None:
            self._study.tell(key, state=optuna.trial.TrialState.FAIL)
        elif epochs < EPOCHS:
            self._study.tell(key, state=optuna.trial.TrialState.PRUNED)
        else:
            self._study.tell(key, value)


class Wandb:
    """W&B's own search and early termination, its package ``sweeps``; see ``Method``.

    Args:
        seed: of NumPy's global generator, from which the package draws.
        method: of the sweep: random or bayes.
        stops: whether its hyperband stops runs, from the first epoch on.
    """

    def __init__(self, seed: int, method: str, *, stops: bool) -> None:
        self._state = np.random.RandomState(seed).get_state()
        varied = {name: SWEEP["parameters"][name] for name in AXES}
        self._config = {"method": method, "metric": SWEEP["metric"], "parameters": varied}
        if stops:
            self._config["early_terminate"] = _RULE
        self._stops = stops
        self._runs: list[Any] = []

    def ask(self) -> tuple[int, int, int]:
        """See ``Method``."""
        from sweeps import next_run
        from sweeps.run import RunState

        outer = np.random.get_state()
        np.random.set_state(self._state)
        run = next_run(self._config, self._runs)
        self._state = np.random.get_state()
        np.random.set_state(outer)
        run.state = RunState.running
        self._runs.append(run)
        point = number_of({name: value["value"] for name, value in run.config.items()})
        return len(self._runs) - 1, point, 0

    def report(self, epochs: Mapping[int, tuple[int, float | None]]) -> Collection[int]:
        """See ``Method``."""
        for key, (_, value) in epochs.items():
            self._runs[key].history.append({"val_accuracy": value})
            self._runs[key].summary_metrics = {"val_accuracy": value}
        if not self._stops:
            return ()
        from sweeps import stop_runs

        stopped = {id(run) for run in stop_runs(self._config, self._runs)}
        return [key for key in epochs if id(self._runs[key]) in stopped]

    def tell(self, key: int, epochs: int, value: float | None) -> None:
        """See ``Method``."""
        from sweeps.run import RunState

        del epochs, value
        self._runs[key].state = RunState.finished


class Dehb:
    """Differential evolution with Hyperband (Awad et al. 2021); see ``Method``.

    It trains every run from its first epoch on, whatever it has trained of it before.
    """

    def __init__(self, seed: int) -> None:
        import ConfigSpace
        from dehb import DEHB
        from loguru import logger

        logger.remove()
        space = ConfigSpace.ConfigurationSpace(
            {name: list(map(str, values)) for name, values in AXES.items()}, seed=seed
        )
        folder = tempfile.mkdtemp()
        self._dehb = DEHB(
            cs=space,
            min_fidelity=1,
            max_fidelity=EPOCHS,
            eta=3,
            n_workers=1,
            seed=seed,
            output_path=folder,
            save_freq=None,
        )
        self._jobs: dict[int, dict[str, Any]] = {}
        self._keys = itertools.count()

    def ask(self) -> tuple[int, int, int]:
        """See ``Method``."""
        job = self._dehb.ask()
        key = next(self._keys)
        self._jobs[key] = job
        named = {name: {str(value): value for value in values} for name, values in AXES.items()}
        config = dict(job["config"])
        return key, number_of({name: named[name][str(config[name])] for name in AXES}), 0

    def report(self, epochs: Mapping[int, tuple[int, float | None]]) -> Collection[int]:
        """See ``Method``."""
        return [k for k, (epoch, _) in epochs.items() if epoch >= round(self._jobs[k]["fidelity"])]

    def tell(self, key: int, epochs: int, value: float | None) -> None:
        """See ``Method``."""
        fitness = 1.0 if value is None else 1 - value
        self._dehb.tell(self._jobs.pop(key), {"fitness": fitness, "cost": epochs})


def installed(package: str) -> bool:
    """Whether a package can be imported; says so where it cannot."""
    found = importlib.util.find_spec(package) is not None
    if not found:
        print(f"{package} is not installed; its methods are left out", file=sys.stderr)
    return found
