"""The agents of a process, without a server: what they ask, say and hear."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from dlsweep.sweep import _crew
from dlsweep.sweep._crew import Crew
from dlsweep.sweep._pool import Pool
from dlsweep.tracking import Command, SweepGone, TrackingError, Unreachable


class Service:
    """Hands out ``runs`` runs; afterwards answers with ``then``."""

    def __init__(self, runs: int, then: list[Command] | Exception | None = None) -> None:
        self.left = runs
        self.then = [Command("exit")] if then is None else then
        self.orders: dict[str, Command | Exception] = {}
        self.agents = 0
        self.beats: list[tuple[str, list[str]]] = []
        self.lock = threading.Lock()
        self.beaten = threading.Semaphore(0)

    def register(self) -> str:
        with self.lock:
            self.agents += 1
            return f"agent{self.agents}"

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
def crews(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(_crew, "HEARTBEAT_SECONDS", 0.02)
    made: list[Crew] = []

    def make(service: Service, stops: list[str] | None = None) -> Crew:
        heard = stops if stops is not None else []
        made.append(Crew(service, Pool(4), heard.append))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for crew in made:
        crew.close()


def ids(commands: Iterable[Command]) -> set[str]:
    return {command.run_id for command in commands}


def test_every_agent_takes_one_run(crews):
    service = Service(5)
    crew = crews(service)
    assert ids(crew.ask(3)) == {"run4", "run3", "run2"}
    assert service.agents == 3
    assert not crew.exhausted
    assert ids(crew.ask(9)) == {"run1", "run0"}
    assert crew.exhausted
    assert crew.trouble is None


def test_a_free_agent_is_asked_before_another_is_registered(crews):
    service = Service(4)
    crew = crews(service)
    [one, _] = crew.ask(2)
    crew.release(one.run_id)
    assert len(crew.ask(2)) == 2
    assert service.agents == 3


@pytest.mark.parametrize("then", [[], Unreachable("W&B: gone")])
def test_one_agent_knocks_until_the_sweep_has_runs_again(crews, then):
    service = Service(0, then)
    crew = crews(service)
    assert crew.ask(8) == []
    assert crew.waiting
    assert not crew.exhausted
    asked = len(service.beats)
    assert crew.ask(8) == []
    assert len(service.beats) == asked + 1
    service.left = 8
    assert len(crew.ask(8)) == 8
    assert not crew.waiting


def test_runs_are_said_to_be_alive_until_they_are_released(crews):
    service = Service(1)
    crew = crews(service)
    [run] = crew.ask(1)
    for _ in range(3):
        assert service.beaten.acquire(timeout=10)
    crew.release(run.run_id)
    with service.lock:
        service.beats.clear()
    threading.Event().wait(0.1)
    assert len(service.beats) <= 1  # one may have been on its way


@pytest.mark.parametrize("order", [Command("stop", "run1"), Command("exit")])
def test_a_run_is_stopped_and_its_neighbours_are_not(crews, order):
    stops: list[str] = []
    service = Service(3)
    service.orders["run1"] = order
    crew = crews(service, stops)
    crew.ask(3)
    for _ in range(8):
        assert service.beaten.acquire(timeout=10)
    assert stops == ["run1"]
    assert crew.exhausted == (order.kind == "exit")


def test_runs_of_a_cancelled_sweep_end_together(crews, monkeypatch):
    """Also where some of them have just been said to be alive when it is cancelled."""
    told: list[str] = []
    stopped = threading.Semaphore(0)
    service = Service(3)
    answer = service.heartbeat

    def heartbeat(agent: str, running: Iterable[str] = ()) -> list[Command]:
        running = list(running)
        if told[-2:] == ["alive run2", "alive run1"]:
            service.orders |= {run: Command("stop", run) for run in ("run0", "run1", "run2")}
        told.extend(f"alive {run}" for run in running)
        return answer(agent, running)

    def stop(run: str) -> None:
        told.append(f"stop {run}")
        stopped.release()

    monkeypatch.setattr(service, "heartbeat", heartbeat)
    crew = Crew(service, Pool(1), stop)  # type: ignore[arg-type]
    crew.ask(3)
    for _ in range(3):
        assert stopped.acquire(timeout=10)
    crew.close()
    cancelled = told.index("stop run0") - 3
    assert told[cancelled : cancelled + 6] == [
        *("alive run0", "alive run2", "alive run1"),
        *("stop run0", "stop run2", "stop run1"),
    ]


def test_no_answer_changes_nothing(crews):
    stops: list[str] = []
    service = Service(2)
    service.orders["run1"] = Unreachable("W&B: gone")
    crew = crews(service, stops)
    crew.ask(2)
    for _ in range(6):
        assert service.beaten.acquire(timeout=10)
    assert (stops, crew.exhausted, crew.trouble) == ([], False, None)


def test_of_a_sweep_that_was_deleted_the_runs_go_on(crews):
    stops: list[str] = []
    service = Service(2)
    service.orders["run1"] = SweepGone("W&B: not there any more")
    crew = crews(service, stops)
    crew.ask(2)
    for _ in range(6):
        assert service.beaten.acquire(timeout=10)
    assert crew.exhausted
    assert isinstance(crew.trouble, SweepGone)
    assert stops == []


def test_what_is_refused_ends_the_asking(crews):
    service = Service(0, TrackingError("W&B: refuses"))
    crew = crews(service)
    assert crew.ask(3) == []
    assert crew.exhausted
    assert str(crew.trouble) == "W&B: refuses"
