"""A Ray cluster of two nodes on this machine, with ports and a folder of its own."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dlsweep.sweep.execution import Executor, choose_executor

try:
    from ray.cluster_utils import Cluster
except ImportError:
    Cluster = None

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_memory_monitor_refresh_ms": "0",  # other tests may fill the memory
    "RAY_prestart_worker_first_driver": "0",
    "RAY_ADDRESS": "",
}
NODE = {"num_cpus": 1, "object_store_memory": 100_000_000}


@contextlib.contextmanager
def ray_cluster(nodes: int = 2, cores: int = 1) -> Iterator[tuple[Any, str]]:
    """Run a cluster of so many nodes with so many cores each; it, and its address.

    Skips the test where Ray is not installed.
    """
    node = {**NODE, "num_cpus": cores}
    if Cluster is None:
        pytest.skip("Ray is not installed")
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="ray") as folder:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.delenv("WANDB_DIR", raising=False)  # of the test that needs the cluster first
        logging.getLogger("ray").setLevel(logging.CRITICAL)
        cluster = Cluster(
            initialize_head=True,
            head_node_args={
                **node,
                "include_dashboard": False,
                "temp_dir": folder,
            },
        )
        try:
            for _ in range(nodes - 1):
                cluster.add_node(**node)
            yield cluster, f"127.0.0.1:{cluster.address.rpartition(':')[2]}"
        finally:
            cluster.shutdown()


class RayExecutors:
    """Makes the executors of this process on a cluster: there may be one at a time.

    Args:
        cluster: as Ray has it.
        address: of the cluster.
    """

    def __init__(self, cluster: Any, address: str) -> None:
        self.cluster = cluster
        self.address = address
        self._shared: Executor | None = None
        self._own: Executor | None = None

    def make(self, **options: Any) -> Executor:
        """An executor of the test's own."""
        from dlsweep.sweep.execution._ray import RayExecutor

        self.close()
        self._own = RayExecutor(self.address, device="cpu", **options)
        return self._own

    def shared(self) -> Executor:
        """An executor with all of its workers there, which tests share."""
        if self._shared is None:
            self.close()
            self._shared = choose_executor("auto", cluster=self.address)
            self._shared.start()
            while self._shared.free < self._shared.slots:
                self._shared.events()
        return self._shared

    def close_own(self) -> None:
        """Close what ``make`` has made."""
        if self._own is not None:
            self._own.close()
        self._own = None

    def close(self) -> None:
        """Close every executor."""
        self.close_own()
        if self._shared is not None:
            self._shared.close()
        self._shared = None


@contextlib.contextmanager
def ray_started(folder: Path, **environment: str) -> Iterator[str]:
    """Run ``ray start`` for a cluster of one node with these variables set; its address.

    Ray reads its variables once in a process: authentication cannot be changed in this one.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("ray")), "start", "--head", "--block"]
    command += [f"--port={port}", "--num-cpus=1"]
    command += ["--include-dashboard=false", "--dashboard-agent-listen-port=0"]
    with (
        tempfile.TemporaryDirectory(prefix="ray") as temporary,
        open(folder / "ray.log", "wb") as log,
        subprocess.Popen(
            [*command, f"--temp-dir={temporary}"],
            env={**os.environ, **ENVIRONMENT, **environment},
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            while b"Ray runtime started" not in (folder / "ray.log").read_bytes():
                assert process.poll() is None, (folder / "ray.log").read_text()
                time.sleep(0.1)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()
