"""The agents of a process, without a server: what they ask, say and hear."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from dlsweep.sweep.agent import _agents
from dlsweep.sweep.agent._agents import Agents
from dlsweep.tracking import Command, SweepGone, TrackingError, Unreachable


class Service:
    """Hands out ``runs`` runs; afterwards answers with ``then``."""

    def __init__(self, runs: int, then: list[Command] | Exception | None = None) -> None:
        self.left = runs
        self.then = [Command("exit")] if then is None else then
        self.orders: dict[str, Command | Exception] = {}
        self.registered = 0
        self.beats: list[tuple[str, list[str]]] = []
        self.lock = threading.Lock()
        self.beaten = threading.Semaphore(0)

    def register(self) -> str:
        with self.lock:
            self.registered += 1
            return f"agent{self.registered}"

    def heartbeat(self, agent: str, running: Iterable[str] = ()) -> list[Command]:
        running = list(running)
        with self.lock:
            self.beats.append((agent, running))
            if running:
                self.beaten.release()
                order = self.orders.pop(running[0], None)
                if isinstance(order, Exception):
                    raise order
                return [order] if order else []
            if self.left:
                self.left -= 1
                return [Command("run", f"run{self.left}", {"lr": self.left})]
            if isinstance(self.then, Exception):
                raise self.then
            return self.then


@pytest.fixture
def make_agents(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(_agents, "HEARTBEAT_SECONDS", 0.02)
    made: list[Agents] = []

    def make(service: Service, on_stop: Callable[[str], None] = lambda _: None) -> Agents:
        made.append(Agents(service, on_stop))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for agents in made:
        agents.close()


def ids(commands: Iterable[Command]) -> set[str]:
    return {command.run_id for command in commands}


def test_every_agent_takes_one_run(make_agents):
    service = Service(5)
    agents = make_agents(service)
    assert ids(agents.ask(3)) == {"run4", "run3", "run2"}
    assert service.registered == 3
    assert not agents.exhausted
    assert ids(agents.ask(9)) == {"run1", "run0"}
    assert agents.exhausted
    assert agents.error is None


def test_a_free_agent_is_asked_before_another_is_registered(make_agents):
    service = Service(4)
    agents = make_agents(service)
    [one, _] = agents.ask(2)
    agents.release(one.run_id)
    assert len(agents.ask(2)) == 2
    assert service.registered == 3


@pytest.mark.parametrize("then", [[], Unreachable("W&B: gone")])
def test_one_agent_asks_until_the_sweep_has_runs_again(make_agents, then):
    service = Service(0, then)
    agents = make_agents(service)
    assert agents.ask(8) == []
    assert agents.waiting
    assert not agents.exhausted
    asked = len(service.beats)
    assert agents.ask(8) == []
    assert len(service.beats) == asked + 1
    service.left = 8
    assert len(agents.ask(8)) == 8
    assert not agents.waiting


def test_runs_have_heartbeats_until_they_are_released(make_agents):
    service = Service(2)
    agents = make_agents(service)
    released, _ = agents.ask(2)
    for _ in range(6):
        assert service.beaten.acquire(timeout=10)
    agents.release(released.run_id)
    with service.lock:
        service.beats.clear()
    for _ in range(6):
        assert service.beaten.acquire(timeout=10)
    running = [run for _, runs in service.beats for run in runs]
    assert running.count(released.run_id) <= 1  # one may have been on its way


@pytest.mark.parametrize("order", [Command("stop", "run1"), Command("exit")])
def test_a_run_is_stopped_and_its_neighbours_are_not(make_agents, order):
    stops: list[str] = []
    service = Service(3)
    service.orders["run1"] = order
    agents = make_agents(service, stops.append)
    agents.ask(3)
    for _ in range(8):
        assert service.beaten.acquire(timeout=10)
    assert stops == ["run1"]
    assert agents.exhausted == (order.kind == "exit")


def test_runs_of_a_cancelled_sweep_end_together(make_agents, monkeypatch):
    """Also where some of them have just had a heartbeat when it is cancelled."""
    monkeypatch.setattr(_agents, "_THREADS", 1)
    found: list[str] = []
    stopped = threading.Semaphore(0)
    service = Service(3)
    answer = service.heartbeat

    def heartbeat(agent: str, running: Iterable[str] = ()) -> list[Command]:
        running = list(running)
        if found[-2:] == ["beat run2", "beat run1"]:
            service.orders |= {run: Command("stop", run) for run in ("run0", "run1", "run2")}
        found.extend(f"beat {run}" for run in running)
        return answer(agent, running)

    def stop(run: str) -> None:
        found.append(f"stop {run}")
        stopped.release()

    monkeypatch.setattr(service, "heartbeat", heartbeat)
    agents = make_agents(service, stop)
    agents.ask(3)
    for _ in range(3):
        assert stopped.acquire(timeout=10)
    agents.close()
    cancelled = found.index("stop run0") - 3
    assert found[cancelled : cancelled + 6] == [
        *("beat run0", "beat run2", "beat run1"),
        *("stop run0", "stop run2", "stop run1"),
    ]


def test_no_answer_changes_nothing(make_agents):
    stops: list[str] = []
    service = Service(2)
    service.orders["run1"] = Unreachable("W&B: gone")
    agents = make_agents(service, stops.append)
    agents.ask(2)
    for _ in range(6):
        assert service.beaten.acquire(timeout=10)
    assert (stops, agents.exhausted, agents.error) == ([], False, None)


def test_of_a_sweep_that_was_deleted_the_runs_go_on(make_agents):
    stops: list[str] = []
    service = Service(2)
    service.orders["run1"] = SweepGone("W&B: not there any more")
    agents = make_agents(service, stops.append)
    agents.ask(2)
    for _ in range(6):
        assert service.beaten.acquire(timeout=10)
    assert agents.exhausted
    assert isinstance(agents.error, SweepGone)
    assert stops == []


def test_what_is_refused_ends_the_asking(make_agents):
    service = Service(0, TrackingError("W&B: refuses"))
    agents = make_agents(service)
    assert agents.ask(3) == []
    assert agents.exhausted
    assert str(agents.error) == "W&B: refuses"
