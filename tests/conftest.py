"""What every test stands on: a tier, no network, homes of its own.

Every test is in one tier, and has its marker: `soak` and `slow` where it says so; else `browser`
or `process` by the fixtures it uses, by its folder or where it says so; else `unit`. A test of the
tier `unit` that starts a process fails, and says which marker it needs.

Tests that need W&B ask for the fixture `wandb_server`; without it wandb is offline and would find
nobody at its address.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.wandb_server import WandbServer

# Before anybody imports torch. The tests' networks are tiny: a second thread gains nothing, and on
# a busy machine its waiting makes everything many times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parents[1]
NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody listens
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
PROXIES = [name for p in ("http", "https", "all") for name in (f"{p}_proxy", f"{p.upper()}_PROXY")]

# As the user set them; tests marked `network` get these back.
OUTSIDE = {
    name: os.environ.get(name)
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "no_proxy", "NO_PROXY", *PROXIES)
}

TIERS = ("soak", "slow", "browser", "process", "unit")

FIXTURES = {
    "browser": "browser",
    "wandb_server": "process",
    "ray_executors": "process",
    "pytester": "process",
}
"""The tier of tests that use a fixture."""

PROCESS_FOLDERS = [
    REPOSITORY / "tests" / name
    for name in ("cli", "sweep/agent", "sweep/driver", "sweep/execution", "sweep/local", "tracking")
]
"""Folders whose tests are of the tier `process`, but for those that are marked `unit`."""

PROGRAMS = ("python", "wandb", "ray", "node", "chrom")
"""How the names of the programs begin that make a test one of processes, unlike `chattr`."""

LONGEST = {
    "test_benchmarks",
    "test_benchmark_agents",
    "test_interrupt",
    "test_killing",
    "test_ray",
    "test_executors",
    "test_durable",
    "test_html",
    "test_program_sweeps",
}
"""Files whose tests take the longest, and so come first: none of them is left for the end."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """More than cores, where these are few: many tests wait for what they have started."""
    cores = os.cpu_count() or 1
    return cores if config.option.markexpr == "unit" else max(cores, min(2 * cores, 4))


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("dlsweep")
    group.addoption("--network", action="store_true", help="also run the tests marked network")


def pytest_configure(config: pytest.Config) -> None:
    # wandb 0.31's own wandb.sweep() calls a function that it has deprecated.
    config.addinivalue_line(
        "filterwarnings", "ignore:Read the `app_url` setting:DeprecationWarning:wandb"
    )
    # It never closes the file in which its agent leaves a run's configuration.
    config.addinivalue_line(
        "filterwarnings", r"ignore:unclosed file .*sweep-.*config-.*\.yaml:ResourceWarning"
    )
    # It keeps the artifacts of the last fifty tables, and leaves the folders of those before them
    # to the garbage collector.
    config.addinivalue_line(
        "filterwarnings", "ignore:Implicitly cleaning up <TemporaryDirectory:ResourceWarning"
    )


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem not in LONGEST)
    for item in items:
        item.add_marker(_tier(item))
        # Keywords would do, were it not that folders are among them, the checkout's own too.
        if item.get_closest_marker("network") and not config.getoption("--network"):
            item.add_marker(pytest.mark.skip(reason="network: run with --network"))
    gpu = [item for item in items if item.get_closest_marker("gpu")]
    if gpu and not _cuda():
        for item in gpu:
            item.add_marker(pytest.mark.skip(reason="gpu: no CUDA device here"))


def _tier(item: pytest.Item) -> str:
    """The tier of a test: what it is marked with, or else what it uses."""
    for tier in TIERS:
        if item.get_closest_marker(tier):
            return tier
    used = {FIXTURES[name] for name in getattr(item, "fixturenames", ()) if name in FIXTURES}
    if not used and any(item.path.is_relative_to(folder) for folder in PROCESS_FOLDERS):
        return "process"
    return next((tier for tier in TIERS if tier in used), "unit")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Write down what a test of the tier `unit` starts, with its fixtures."""
    _started.clear()
    with pytest.MonkeyPatch.context() as patch:
        if item.get_closest_marker("unit"):
            patch.setattr(subprocess.Popen, "__init__", _write_down)
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """Fail a test of the tier `unit` that has started a process.

    Not where it does: wandb waits forever for a lock of its own where its service cannot start.
    """
    yield
    if _started:
        pytest.fail(f"a test of the tier unit starts {_started[0]}; mark it process")


_started: list[str] = []
_init = subprocess.Popen.__init__


def _write_down(self: subprocess.Popen[Any], args: Any, *more: Any, **named: Any) -> None:
    words = [args] if isinstance(args, str | bytes | os.PathLike) else list(args)
    program = Path(os.fsdecode(words[0])).name
    if program.startswith(PROGRAMS):
        _started.append(program)
    _init(self, args, *more, **named)


def _cuda() -> bool:
    try:
        import torch
    except ImportError:
        return False
    return torch.cuda.is_available()


@pytest.fixture(autouse=True, scope="session")
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give the session homes of its own, and a W&B address where nobody is."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        # Data sets once downloaded stay where they are, whatever HOME becomes.
        if "DLSWEEP_DATA" not in os.environ:
            patch.setenv("DLSWEEP_DATA", str(Path.home() / ".cache" / "dlsweep" / "data"))
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        patch.setenv("XDG_CONFIG_HOME", str(home / "config"))
        for name in PROXIES:
            patch.setenv(name, NOWHERE)
        patch.setenv("no_proxy", ",".join(LOOPBACK))
        patch.setenv("NO_PROXY", ",".join(LOOPBACK))
        # Processes that a test starts find this interpreter and this checkout.
        patch.setenv("PATH", os.path.dirname(sys.executable), prepend=os.pathsep)
        patch.setenv("PYTHONPATH", str(REPOSITORY), prepend=os.pathsep)

        for name in [name for name in os.environ if name.startswith("WANDB_")]:
            patch.delenv(name)
        patch.setenv("WANDB_BASE_URL", NOWHERE)
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("WANDB_ERROR_REPORTING", "false")
        patch.setenv("WANDB_SILENT", "true")
        patch.setenv("WANDB_CONSOLE", "off")
        patch.setenv("WANDB_DISABLE_GIT", "true")
        patch.setenv("WANDB_DISABLE_CODE", "true")
        patch.setenv("WANDB_X_DISABLE_STATS", "true")
        patch.setenv("WANDB_CONFIG_DIR", str(home / "wandb-config"))
        patch.setenv("WANDB_CACHE_DIR", str(home / "wandb-cache"))
        patch.setenv("WANDB_DATA_DIR", str(home / "wandb-data"))
        patch.setenv("NETRC", str(home / "no-netrc"))
        yield


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection out of this machine, but to tests marked `network`."""
    if request.node.get_closest_marker("network"):
        for name, value in OUTSIDE.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        return

    def only_here(connect: Callable[..., Any]) -> Callable[..., Any]:
        def checked(self: socket.socket, address: Any) -> Any:
            if self.family != socket.AF_UNIX and address[0] not in LOOPBACK:
                raise RuntimeError(f"a test tried to reach {address}; mark it network")
            return connect(self, address)

        return checked

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, only_here(getattr(socket.socket, name)))


@pytest.fixture(autouse=True)
def _own_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test a wandb folder, and leave no run, no service and no variable behind."""
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    before = {name: value for name, value in os.environ.items() if name.startswith("WANDB_")}
    yield
    # wandb keeps its settings, address and key included, for the life of the process.
    if "wandb" in sys.modules:
        sys.modules["wandb"].teardown()
    # Its agents and its sweeps set variables (WANDB_PROJECT, WANDB_SWEEP_ID …) and leave them.
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        if name not in before:
            del os.environ[name]
    os.environ.update(before)


@pytest.fixture
def wandb_server(_own_wandb: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    """Run a W&B server in memory; wandb in this process and in others speaks to it, online."""
    if "wandb" in sys.modules:
        sys.modules["wandb"].teardown()
    with WandbServer() as server:
        # By the test's own patch: a test that changes one of these again is undone before.
        for name, value in server.env().items():
            monkeypatch.setenv(name, value)
        yield server
        # Runs that the test left open end while there is still somebody to tell.
        if "wandb" in sys.modules:
            sys.modules["wandb"].teardown()


@pytest.fixture
def frozen() -> Iterator[Callable[[Path], None]]:
    """Make a folder read-only, for root too."""
    places: list[Path] = []

    def freeze(place: Path) -> None:
        if os.geteuid() != 0:
            place.chmod(0o555)
        elif (
            shutil.which("chattr") is None
            or subprocess.run(["chattr", "+i", place], capture_output=True).returncode
        ):
            pytest.skip("root writes everywhere, and chattr cannot keep it from that here")
        places.append(place)

    yield freeze
    for place in places:
        if os.geteuid() == 0:
            subprocess.run(["chattr", "-i", place], check=True)
        else:
            place.chmod(0o755)
