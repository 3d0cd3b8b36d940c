"""What the executor on a Ray cluster does beyond the contract of executors."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from dlsweep.config import ConfigError, RunConfig
from dlsweep.data import describe, load_for
from dlsweep.sweep.execution import (
    Broken,
    Cause,
    Checkpoint,
    Context,
    Done,
    Event,
    Executor,
    ExecutorError,
    Left,
    Notice,
    Resumed,
    StackJob,
    choose_executor,
)
from dlsweep.sweep.execution._checkpoints import FOLDER_MARKER
from dlsweep.sweep.execution._needs import Needs, NodeError
from dlsweep.sweep.file import parse_sweep
from dlsweep.training import train_stack
from tests.sweep.execution.ray_cluster import NODE, RayExecutors, ray_started
from tests.sweep.execution.test_executors import (
    ENDLESS,
    PATIENCE,
    TINY,
    drain,
    ended,
    epochs,
    gone,
)

pytest.importorskip("ray", reason="Ray is not installed")

DOCS = Path(__file__).resolve().parents[3] / "docs"


@dataclasses.dataclass(frozen=True)
class Tells(StackJob):
    """A job that first tells its worker's process, nice value and node."""

    def run(self, context: Context) -> Iterator[Event]:
        import ray

        node = ray.get_runtime_context().get_node_id()
        yield Notice(self.number, f"{os.getpid()} {os.nice(0)} {node}")
        yield from super().run(context)


def told(events: list[Event], job: int) -> tuple[int, int, str]:
    [text] = [e.text for e in events if isinstance(e, Notice) and e.job == job]
    pid, niceness, node = text.split()
    return int(pid), int(niceness), node


def wait_for_slots(executor: Executor, slots: int) -> None:
    end = time.monotonic() + PATIENCE
    while executor.free < slots:
        assert time.monotonic() < end
        executor.events()


def test_a_killed_worker_breaks_its_job_and_is_replaced(ray: Executor):
    ray.submit(Tells(101, [ENDLESS]))
    pid, niceness, _ = told(drain(ray, lambda events: bool(epochs(events, 101))), 101)
    assert niceness == os.nice(0) or os.geteuid() != 0
    os.kill(pid, signal.SIGKILL)
    broken = drain(ray, ended(101))[-1]
    assert broken == Broken(101, f"its worker on {socket.gethostname()} died", cause=Cause.DEATH)
    wait_for_slots(ray, 2)
    ray.submit(StackJob(102, [TINY]))
    assert drain(ray, ended(102))[-1] == Done(102)


def test_nodes_join_and_leave(ray: Executor, ray_executors: RayExecutors):
    node = ray_executors.cluster.add_node(**NODE)
    wait_for_slots(ray, 3)
    for job in (111, 112, 113):
        ray.submit(Tells(job, [ENDLESS]))
    found = drain(ray, lambda e: all(epochs(e, job) for job in (111, 112, 113)))
    [there] = [job for job in (111, 112, 113) if told(found, job)[2] == node.node_id]
    ray_executors.cluster.remove_node(node, allow_graceful=False)
    found = drain(ray, ended(there))
    [broken] = [event for event in found if isinstance(event, Broken)]
    assert (broken.job, broken.cause) == (there, Cause.LOST)
    assert "\n" not in broken.reason
    others = {111, 112, 113} - {there}
    end = time.monotonic() + PATIENCE
    while ray.slots != 2:
        assert time.monotonic() < end
        ray.events()
    for job in others:  # they were not disturbed
        ray.drop(job)
    drain(ray, ended(*others))
    wait_for_slots(ray, 2)
    ray.submit(StackJob(114, [TINY]))
    assert drain(ray, ended(114))[-1] == Done(114)


def test_several_executors_follow_each_other_and_leave_no_process(rays: RayExecutors):
    pids = []
    for job in range(2):
        executor = rays.make(workers=1)
        assert executor.slots == 1
        executor.start()
        executor.submit(Tells(job, [ENDLESS]))
        pids.append(told(drain(executor, bool), job)[0])
        with pytest.raises(ExecutorError, match="uses Ray already"):
            choose_executor("cpu", cluster=rays.address)
        executor.close()
    assert gone(pids)


@pytest.mark.parametrize("share_files", [True, False])
def test_checkpoints_come_to_the_driver(
    share_files: bool, rays: RayExecutors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "checkpoints" / "1.safetensors"
    written: list[Path] = []
    monkeypatch.setattr(
        "dlsweep.sweep.execution._executor.store",
        lambda path, content: (
            written.append(path),
            path.parent.mkdir(exist_ok=True),
            path.write_bytes(content),
        ),
    )
    job = StackJob(1, [ENDLESS], checkpoint=Checkpoint(path, frozenset({0})), save_seconds=0.0)
    executor = rays.make(workers=1, share_files=share_files)
    executor.start()
    executor.submit(job)
    drain(executor, lambda events: len(epochs(events, 1)) > 2)
    assert (path.parent / FOLDER_MARKER).exists() == share_files
    executor.leave()
    before = drain(executor, ended(1))
    assert before[-1] == Left(1)
    executor.close()
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert set(written) == (set() if share_files else {path})

    again = rays.make(workers=1, share_files=share_files)
    again.start()
    again.submit(dataclasses.replace(job, number=2, save_seconds=1e9))
    resumed, epoch = drain(again, lambda events: len(events) > 1)[:2]
    assert isinstance(resumed, Resumed)
    [history] = resumed.histories.values()
    assert history[-1].epoch == epochs(before, 1)[-1].metrics[0].epoch
    assert epochs([epoch], 2)[0].metrics[0].epoch == len(history) + 1


def test_a_checkpoint_that_cannot_be_written_is_told(rays: RayExecutors, tmp_path: Path):
    (tmp_path / "file").touch()
    checkpoint = Checkpoint(tmp_path / "file" / "1.safetensors", frozenset({0}))
    executor = rays.make(workers=1)
    executor.start()
    executor.submit(StackJob(1, [ENDLESS], checkpoint=checkpoint, save_seconds=0.0))
    found = drain(executor, lambda events: any(isinstance(e, Notice) for e in events))
    [notice] = {event.text for event in found if isinstance(event, Notice)}
    assert notice == f"no checkpoint in {tmp_path}/file: File exists"


def test_a_worker_of_another_version_is_refused(
    rays: RayExecutors, monkeypatch: pytest.MonkeyPatch
):
    executor = rays.make(workers=1)
    monkeypatch.setattr("torch.__version__", "1.0")
    with pytest.raises(ExecutorError, match=r"^a worker on \S+ has torch .*, this machine has 1.0"):
        executor.start()


# A model and data of one's own


NET = """
from torch import nn
from layers import LAYER

class Net(nn.Module):
    def __init__(self, image_shape, num_classes, width: int = 3):
        super().__init__()
        size = image_shape[1] * image_shape[2]
        self.net = nn.Sequential(nn.Flatten(), LAYER(size, width), nn.Linear(width, num_classes))

    def forward(self, images):
        return self.net(images)
"""
BLOBS = """
import numpy as np

def blobs():
    labels = np.arange(60) % 2
    return np.random.default_rng(0).random((60, 4, 4)) / 2 + labels[:, None, None] / 2, labels
"""


@dataclasses.dataclass(frozen=True)
class OnAnotherMachine(StackJob):
    """A job to whose worker a folder of the driver's looks as another one does, or is not there."""

    folder: Path = Path()
    other: Path = Path("nowhere")

    def run(self, context: Context) -> Iterator[Event]:
        self.folder.rename(self.folder.with_name("driver"))
        if self.other.is_dir():
            self.other.rename(self.folder)
        yield from super().run(context)


def test_code_is_shipped_and_data_is_compared(rays: RayExecutors, tmp_path: Path):
    here = tmp_path / "here"
    here.mkdir()
    (here / "net.py").write_text(NET)
    (here / "layers.py").write_text("from torch import nn\nLAYER = nn.Linear\n")
    (here / "load.py").write_text(BLOBS)
    images = np.random.default_rng(0).integers(0, 255, (60, 4, 4), dtype=np.uint8)
    np.savez(here / "data.npz", images=images, labels=np.arange(60) % 2)
    shutil.copytree(here, tmp_path / "other")
    np.savez(tmp_path / "other" / "data.npz", images=images + 1, labels=np.arange(60) % 2)

    def config(dataset: str) -> RunConfig:
        settings = {"model": f"{here}/net.py:Net", "epochs": 1, "figures": "none"}
        return RunConfig(dataset=f"{here}/{dataset}", width=5, **settings)

    own = config("load.py:blobs")
    expected = train_stack([own], load_for(own))[0].summary()
    executor = rays.make(workers=1)
    executor.start()
    executor.submit(OnAnotherMachine(1, [own], folder=here))
    found = drain(executor, ended(1))
    assert found[-1] == Done(1)
    [outcome] = epochs(found, 1)[0].ended.values()
    assert {k: outcome.summary[k] for k in expected} == expected
    assert outcome.summary["data_digest"] == describe(own).content
    (tmp_path / "driver").rename(here)
    file = config("data.npz")
    executor.submit(OnAnotherMachine(2, [file], folder=here, other=tmp_path / "other"))
    with pytest.raises(ExecutorError, match="is other data than that of this machine"):
        drain(executor, ended(2))
    executor.close()
    needs = Needs.of([file])
    (here / "data.npz").unlink()
    with pytest.raises(NodeError, match="no such file or folder; it is not so on node"):
        needs.meet(file)


# The driver's end


SCRIPT = """
import sys
from dlsweep.sweep.execution import choose_executor
from tests.sweep.execution.test_ray import ENDLESS, Tells
executor = choose_executor("cpu", cluster=sys.argv[1])
executor.start()
executor.submit(Tells(1, [ENDLESS]))
while True:
    for event in executor.events():
        print(getattr(event, "text", ""), flush=True)
"""


def test_workers_end_with_a_driver_that_is_killed(rays: RayExecutors, tmp_path: Path):
    (tmp_path / "script.py").write_text(SCRIPT)
    driver = subprocess.Popen(
        [sys.executable, "script.py", rays.address],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with driver:
        assert driver.stdout is not None
        assert driver.stderr is not None
        pid = int(driver.stdout.readline().split()[0])
        driver.kill()
        assert driver.stderr.read() == ""
    assert gone([pid])


# Clusters that cannot be used


def refusal(cluster: str, device: str = "cpu") -> str:
    with pytest.raises(ExecutorError) as caught:
        choose_executor(device, cluster=cluster)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_addresses_that_lead_nowhere(rays: RayExecutors, monkeypatch: pytest.MonkeyPatch):
    rays.close()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"127.0.0.1:{closed.getsockname()[1]}"
        expected = f"there is no Ray cluster at {nowhere}: Connection refused"
        assert refusal(nowhere) == expected
        monkeypatch.setenv("RAY_ADDRESS", nowhere)
        assert refusal("auto") == expected
    for wrong in ("local", "ray://127.0.0.1:10001", "host"):
        with pytest.raises(ConfigError, match=r"give auto or HOST:PORT$"):
            choose_executor("cpu", cluster=wrong)
        monkeypatch.setenv("RAY_ADDRESS", wrong)  # with `local` Ray would start a cluster
        with pytest.raises(ConfigError, match=r"give auto or HOST:PORT$"):
            choose_executor("cpu", cluster="auto")


def test_auto_is_the_cluster_of_the_environment(
    rays: RayExecutors, monkeypatch: pytest.MonkeyPatch
):
    rays.close()
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setenv("RAY_ADDRESS", rays.address)
    executor = choose_executor("cpu", cluster="auto")
    assert signal.getsignal(signal.SIGTERM) is before
    assert executor.slots == 2
    executor.close()


def test_a_cluster_without_gpus(rays: RayExecutors):
    rays.close()
    assert refusal(rays.address, "cuda") == (f"device cuda: the cluster {rays.address} has no GPU")
    with pytest.raises(ConfigError, match="on a cluster choose auto, cpu or cuda"):
        choose_executor("cuda:1", cluster=rays.address)


def test_another_version_of_ray(rays: RayExecutors, monkeypatch: pytest.MonkeyPatch):
    rays.close()
    monkeypatch.setattr("ray.__version__", "2.0.0")
    text = refusal(rays.address)
    assert text.startswith(f"the Ray cluster at {rays.address} cannot be joined (Version mismatch")
    assert "Ray: 2.0.0" in text


JOIN = """
import sys
from dlsweep.sweep.execution import ExecutorError, choose_executor
try:
    executor = choose_executor("cpu", cluster=sys.argv[1])
except ExecutorError as error:
    sys.exit(str(error))
try:
    executor.start()
except ExecutorError as error:
    sys.exit(str(error))
print(executor.slots)
executor.close()
"""


def join(address: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", JOIN, address],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_a_cluster_that_asks_for_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))  # where Ray looks for a token too
    token = tmp_path / "token"
    token.write_text("a" * 64)
    with ray_started(tmp_path, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(token)) as address:
        done = join(address, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="a" * 64)
        assert (done.stdout, done.stderr, done.returncode) == ("1\n", "", 0)
        done = join(address, RAY_AUTH_MODE="token")
        assert done.stderr == (
            f"the Ray cluster at {address} cannot be joined (Token authentication is enabled but "
            "no authentication token was found)\n"
        )
        # Ray tries these often; its message does not say why it failed.
        wrong = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "b" * 64}
        for environment in (wrong, {"RAY_AUTH_MODE": "disabled"}):
            done = join(address, RAY_NUM_REDIS_GET_RETRIES="2", **environment)
            assert done.returncode == 1
            assert done.stderr.count("\n") == 1
            assert done.stderr.startswith(f"the Ray cluster at {address} cannot be joined (")
            assert done.stderr.endswith(
                "; RAY_AUTH_MODE and RAY_AUTH_TOKEN must be those of the cluster)\n"
            )


WITHOUT_DLSWEEP = """
import sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "dlsweep":
            raise ModuleNotFoundError("No module named 'dlsweep'", name=name)
sys.meta_path.insert(0, Finder())
"""


def test_a_node_without_dlsweep(tmp_path: Path):
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_DLSWEEP)
    with ray_started(tmp_path, PYTHONPATH=str(tmp_path)) as address:
        done = join(address)
    assert done.stderr == (
        "a worker cannot start: ModuleNotFoundError: No module named 'dlsweep'; "
        "install the same version of dlsweep on every node\n"
    )


# The documentation


def test_the_slurm_script_is_bash():
    subprocess.run(["bash", "-n", DOCS / "slurm.sh"], check=True)


def test_the_kuberay_job():
    documents = list(yaml.safe_load_all((DOCS / "rayjob.yaml").read_text()))
    by_kind = {document["kind"]: document for document in documents}
    job = by_kind["RayJob"]["spec"]
    assert "--cluster auto" in job["entrypoint"]
    parse_sweep(yaml.safe_load(by_kind["ConfigMap"]["data"]["sweep.yaml"]))
    head = job["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    claims = {volume["name"]: volume for volume in head["volumes"]}
    assert [mount["name"] for mount in head["containers"][0]["volumeMounts"]] == list(claims)
    assert (
        claims["study"]["persistentVolumeClaim"]["claimName"]
        == (by_kind["PersistentVolumeClaim"]["metadata"]["name"])
    )
