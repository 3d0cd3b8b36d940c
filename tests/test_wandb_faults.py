"""The faults and knobs of the server, as the real client meets them."""

from __future__ import annotations

import json
import random
import urllib.error
import urllib.request
from collections import Counter

import pytest

from tests.wandb_server import Fault, WandbServer, wandb_cli
from tests.wandb_server._points import count, points

pytestmark = pytest.mark.process

wandb = pytest.importorskip("wandb")


def log_three_rows() -> str:
    """Log a run of three rows with a file, and return its id."""
    with wandb.init(project="p", settings=wandb.Settings(x_save_requirements=False)) as run:
        for step in range(3):
            run.log({"loss": step})
        return run.id


@pytest.mark.parametrize(
    ("kind", "only"),
    [(500, "UpsertBucket"), (429, "file_stream"), (503, "storage"), ("refuse", "file_stream")],
)
def test_client_gets_over_a_passing_fault(wandb_server: WandbServer, kind, only):
    fault = wandb_server.fail(kind, times=1, only=only)
    run_id = log_three_rows()
    assert fault.hits == 1
    run = wandb_server.runs[run_id]
    assert run.column("loss") == [0, 1, 2]
    assert run.state == "finished"


def test_hanging_server_is_given_up_by_init(wandb_server: WandbServer):
    with (
        wandb_server.fail("hang", only="UpsertBucket") as fault,
        pytest.raises(wandb.errors.CommError),
    ):
        wandb.init(project="p", settings=wandb.Settings(init_timeout=1))
    assert fault.hits >= 1


def test_fault_lasts_until_it_is_cleared(wandb_server: WandbServer):
    fault = wandb_server.fail(500, only="storage")
    for _ in range(3):
        assert status_of(wandb_server, "/storage/run/x/y") == 500
    wandb_server.clear_faults()
    assert status_of(wandb_server, "/storage/run/x/y") == 404
    assert fault.hits == 3


def test_fault_counts_only_what_it_strikes():
    fault = Fault(500, times=1, only="graphql")
    assert not fault.strikes(("file_stream",))
    assert fault.strikes(("graphql", "Viewer"))
    assert not fault.strikes(("graphql", "Viewer"))
    assert fault.hits == 1


def test_unknown_operation_is_an_error_and_is_noted(wandb_server: WandbServer):
    answer = graphql(wandb_server, "query Nonsense { nonsense }")
    assert "Nonsense" in answer["errors"][0]["message"]
    assert "data" not in answer
    assert wandb_server.unknown == ["Nonsense"]
    assert wandb_server.requests == ["Nonsense"]


def test_wait_for_sees_a_request(wandb_server: WandbServer):
    graphql(wandb_server, "query Viewer { viewer { id } }")
    wandb_server.wait_for(lambda: "Viewer" in wandb_server.requests)
    with pytest.raises(TimeoutError, match="Viewer"):
        wandb_server.wait_for(lambda: False, timeout=0.01)


class Agent:
    """An agent by hand: registers, and says what each heartbeat is answered with."""

    def __init__(self, server: WandbServer, sweep_id: str) -> None:
        self.server = server
        made = graphql(server, "mutation CreateAgent {}", sweep=sweep_id, host="here")
        self.id = made["data"]["createAgent"]["agent"]["id"]

    def heartbeat(self, *running: str) -> list[tuple[str, str | None]]:
        states = json.dumps(dict.fromkeys(running, True))
        answer = graphql(self.server, "mutation Heartbeat {}", id=self.id, runState=states)
        commands = json.loads(answer["data"]["agentHeartbeat"]["commands"])
        return [(command["type"], command.get("run_id")) for command in commands]


GRID = {"method": "grid", "parameters": {"lr": {"values": [1, 2, 3]}}}


def test_heartbeats_hand_out_each_point_once_and_then_exit(wandb_server: WandbServer):
    sweep = wandb_server.add_sweep(GRID)
    one, two = Agent(wandb_server, sweep.id), Agent(wandb_server, sweep.id)
    [(kind, first)] = one.heartbeat()
    assert kind == "run"
    [(_, second)] = two.heartbeat()
    assert one.heartbeat(first) == []
    [(_, third)] = one.heartbeat()
    assert two.heartbeat() == [("exit", None)]
    # An agent with a run left is not sent away: `wandb agent` would kill the run.
    assert one.heartbeat(third) == []
    assert one.heartbeat() == [("exit", None)]
    assert sweep.runs == [first, second, third]
    assert [point["lr"] for point in sweep.handed_out.values()] == [1, 2, 3]
    assert sweep.state == "FINISHED"


def test_pause_resume_cancel(wandb_server: WandbServer):
    sweep = wandb_server.add_sweep(GRID)
    agent = Agent(wandb_server, sweep.id)
    wandb_server.pause_sweep(sweep.id)
    assert agent.heartbeat() == []
    wandb_server.resume_sweep(sweep.id)
    [(_, run_id)] = agent.heartbeat()
    wandb_server.cancel_sweep(sweep.id)
    assert agent.heartbeat(run_id) == [("stop", run_id)]
    assert agent.heartbeat() == [("exit", None)]


def test_finished_sweep_lets_runs_end(wandb_server: WandbServer):
    sweep = wandb_server.add_sweep(GRID)
    agent = Agent(wandb_server, sweep.id)
    [(_, run_id)] = agent.heartbeat()
    wandb_server.finish_sweep(sweep.id)
    assert agent.heartbeat(run_id) == []
    assert agent.heartbeat() == [("exit", None)]


def test_heartbeat_of_a_deleted_sweep_is_not_found(wandb_server: WandbServer):
    sweep = wandb_server.add_sweep(GRID)
    agent = Agent(wandb_server, sweep.id)
    wandb_server.delete_sweep(sweep.id)
    with pytest.raises(urllib.error.HTTPError) as error:
        agent.heartbeat()
    with error.value:
        assert error.value.code == 404


def test_stop_of_a_run_goes_to_its_agent_once(wandb_server: WandbServer):
    sweep = wandb_server.add_sweep(GRID)
    agent = Agent(wandb_server, sweep.id)
    [(_, run_id)] = agent.heartbeat()
    with pytest.raises(KeyError, match=run_id):
        wandb_server.stop_run(run_id)
    graphql(wandb_server, "mutation UpsertBucket {}", name=run_id, sweep=sweep.id)
    wandb_server.stop_run(run_id)
    assert agent.heartbeat(run_id) == [("stop", run_id)]
    assert agent.heartbeat(run_id) == []


def test_sweep_is_stopped_by_the_command(wandb_server: WandbServer, tmp_path):
    sweep = wandb_server.add_sweep(GRID, entity="team", project="p")
    path = f"team/p/{sweep.id}"
    for option, state in (("--pause", "PAUSED"), ("--resume", "RUNNING"), ("--stop", "FINISHED")):
        done = wandb_cli("sweep", option, path, cwd=tmp_path)
        assert done.returncode == 0, done.stdout
        assert sweep.state == state
    assert wandb_server.unknown == []


def test_random_points_are_of_their_seed_and_obey_run_cap():
    config = {
        "method": "random",
        "run_cap": 500,
        "parameters": {
            "fixed": {"value": 7},
            "choice": {"values": ["a", "b"], "probabilities": [0.9, 0.1]},
            "size": {"min": 1, "max": 3},
            "rate": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-1},
            "step": {"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.25},
            "inner": {"parameters": {"x": {"min": 0.0, "max": 1.0}}},
        },
    }
    drawn = list(points(config, random.Random(0)))
    assert drawn == list(points(config, random.Random(0)))
    assert drawn != list(points(config, random.Random(1)))
    assert len(drawn) == count(config) == 500
    assert {point["fixed"] for point in drawn} == {7}
    assert Counter(point["choice"] for point in drawn)["a"] > 400
    assert {point["size"] for point in drawn} == {1, 2, 3}
    assert all(1e-4 <= point["rate"] <= 1e-1 for point in drawn)
    # Half of a log-uniform variable lies below the geometric mean of its ends.
    assert 200 < sum(point["rate"] < 10**-2.5 for point in drawn) < 300
    assert {point["step"] for point in drawn} == {0, 0.25, 0.5, 0.75, 1}
    assert all(0 <= point["inner"]["x"] <= 1 for point in drawn)


def test_grid_is_the_product_of_nested_parameters_and_ranges():
    config = {
        "method": "grid",
        "parameters": {
            "a": {"min": 1, "max": 2},
            "b": {"parameters": {"c": {"values": [True, None]}}},
        },
    }
    assert list(points(config, random.Random(0))) == [
        {"a": 1, "b": {"c": True}},
        {"a": 1, "b": {"c": None}},
        {"a": 2, "b": {"c": True}},
        {"a": 2, "b": {"c": None}},
    ]
    assert count(config) == 4
    assert count(config | {"run_cap": 3}) == 3


def graphql(server: WandbServer, query: str, **variables: object) -> dict:
    """Send one operation as a client would, and return the body of the answer."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{server.url}/graphql", body)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def status_of(server: WandbServer, path: str) -> int:
    try:
        with urllib.request.urlopen(f"{server.url}{path}") as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
