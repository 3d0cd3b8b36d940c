"""Executors on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from dlsweep.sweep.execution import Executor
from tests.sweep.execution.ray_cluster import RayExecutors, ray_cluster


@pytest.fixture(scope="session")
def ray_executors() -> Iterator[RayExecutors]:
    with ray_cluster() as (cluster, address):
        executors = RayExecutors(cluster, address)
        yield executors
        executors.close()


@pytest.fixture
def ray(ray_executors: RayExecutors) -> Executor:
    """An executor on a Ray cluster of two nodes, shared by the tests."""
    return ray_executors.shared()


@pytest.fixture
def rays(ray_executors: RayExecutors) -> Iterator[RayExecutors]:
    """The cluster, for a test that makes executors; they are closed after it."""
    yield ray_executors
    ray_executors.close_own()


@pytest.fixture
def make_ray(rays: RayExecutors) -> Callable[..., Executor]:
    """Make an executor on the Ray cluster; see ``RayExecutor`` for its options."""
    return rays.make
