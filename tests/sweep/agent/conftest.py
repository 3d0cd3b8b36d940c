"""Heartbeats that a test need not wait for."""

from __future__ import annotations

import pytest

from dlsweep.sweep.agent import _agents
from tests.tracking.conftest import _collect_artifacts  # noqa: F401


@pytest.fixture(autouse=True)
def _frequent_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_agents, "HEARTBEAT_SECONDS", 0.1)
