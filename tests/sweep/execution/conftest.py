"""Executors on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from dlsweep.sweep.execution import Executor
from tests.sweep.execution.ray_cluster import RayExecutors, ray_cluster


@pytest.fixture(scope="session")
def _rays() -> Iterator[RayExecutors]:
    with ray_cluster() as (cluster, address):
        executors = RayExecutors(cluster, address)
        yield executors
        executors.close()


@pytest.fixture
def ray(_rays: RayExecutors) -> Executor:
    """An executor on a Ray cluster of two nodes, shared by the tests."""
    return _rays.shared()


@pytest.fixture
def rays(_rays: RayExecutors) -> Iterator[RayExecutors]:
    """The cluster, for a test that makes executors; they are closed after it."""
    yield _rays
    _rays.close_own()


@pytest.fixture
def make_ray(rays: RayExecutors) -> Callable[..., Executor]:
    """Make an executor on the Ray cluster; see ``RayExecutor`` for its options."""
    return rays.make
