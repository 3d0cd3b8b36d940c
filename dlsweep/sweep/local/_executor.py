"""Where a sweep is run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlsweep.sweep.execution import Executor, choose_executor, choose_program_executor
from dlsweep.sweep.file import SweepFile, as_settings
from dlsweep.sweep.local._options import SweepOptions


def executor_of(sweep: SweepFile, options: SweepOptions, runs: int | None = None) -> Executor:
    """The executor that suits a sweep.

    Args:
        sweep: what is searched.
        options: how.
        runs: how many runs there are; by default as many as the sweep has, if it has an end.

    Raises:
        ConfigError: if the device is not there, or Ray is not installed.
        ExecutorError: if a cluster cannot be used.
    """
    if runs is None:
        ends = [n for n in (sweep.run_cap, sweep.size) if n is not None]
        runs = min(ends) * options.repeats if ends else None
    if options.function is not None:
        from dlsweep.sweep.execution import InProcessExecutor

        return InProcessExecutor()
    if sweep.command is not None:
        return choose_program_executor(options.workers, runs, options.cluster)
    devices = devices_of(sweep, options.settings)
    if options.cluster is None and any(device.startswith("cuda") for device in devices):
        from dlsweep.training import choose_device  # a cluster's machines have devices of their own

        for device in devices:
            choose_device(device)
    device = devices[0] if len(devices) == 1 else "auto"
    return choose_executor(device, options.workers, runs, options.cluster)


def devices_of(sweep: SweepFile, settings: Mapping[str, Any]) -> list[str]:
    """The devices that the built-in runs of a sweep are trained on: by a setting, or the sweep."""
    if "device" in settings:
        return [settings["device"]]
    distribution = as_settings(sweep.parameters).get("device")
    return list((distribution and distribution.support()) or ["auto"])
