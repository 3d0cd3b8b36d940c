"""What the shared fixtures promise: tiers, no network, nothing left behind."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import NOWHERE, REPOSITORY

pytest_plugins = ["pytester"]

wandb = pytest.importorskip("wandb")

pytestmark = pytest.mark.process


def test_connections_out_of_this_machine_are_refused():
    with socket.socket() as out, pytest.raises(RuntimeError, match="mark it network"):
        out.connect(("192.0.2.1", 80))  # an address reserved for documentation


def test_other_processes_are_sent_to_a_dead_proxy():
    program = "import urllib.request as u; p = u.getproxies(); print(p['http'], p['https'])"
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert done.stdout.split() == [NOWHERE, NOWHERE]
    with socket.socket() as nobody, pytest.raises(ConnectionRefusedError):
        nobody.connect(("127.0.0.1", int(NOWHERE.rpartition(":")[2])))


def test_wandb_is_offline_and_writes_into_the_test(tmp_path: Path):
    with wandb.init(project="p") as run:
        run.log({"loss": 1})
    assert run.offline
    assert (tmp_path / "wandb").is_dir()
    assert "WANDB_API_KEY" not in os.environ
    assert os.environ["WANDB_BASE_URL"] == NOWHERE


def test_home_is_not_the_users_but_the_data_are():
    assert "pytest" in str(Path.home())
    assert not Path(os.environ["DLSWEEP_DATA"]).is_relative_to(Path.home())


def test_every_test_is_in_one_tier(pytester: pytest.Pytester):
    shutil.copy(REPOSITORY / "pyproject.toml", pytester.path)
    pytester.makeconftest("from tests.conftest import *  # noqa")
    pytester.makepyfile(
        """
        import subprocess, sys
        import pytest
        @pytest.fixture
        def browser(): pass
        @pytest.fixture
        def wandb_server(): pass
        @pytest.mark.soak
        def test_soak(): pass
        @pytest.mark.slow
        def test_slow(wandb_server): pass
        def test_browser(browser, wandb_server): pass
        def test_server(wandb_server): pass
        @pytest.mark.process
        def test_process(): assert subprocess.run([sys.executable, "-c", ""]).returncode == 0
        @pytest.mark.network
        def test_network(): pass
        def test_unit(): pass
        """
    )

    def passed(*options: str) -> list[str]:
        done = pytester.runpytest_subprocess("-n", "0", "-v", *options, str(pytester.path))
        assert done.ret == 0
        return re.findall(r"::test_(\w+) PASSED", done.stdout.str())

    assert passed() == ["browser", "server", "process", "unit"]
    assert passed("-m", "process or slow or soak") == ["soak", "slow", "server", "process"]
    assert passed("-m", "unit", "--network") == ["network", "unit"]


def test_a_unit_test_starts_no_process(pytester: pytest.Pytester):
    shutil.copy(REPOSITORY / "pyproject.toml", pytester.path)
    pytester.makeconftest("from tests.conftest import *  # noqa")
    pytester.makepyfile(
        """
        import subprocess, sys
        def test_python(): subprocess.run([sys.executable, "-c", ""])
        def test_small(): subprocess.run(["true"])
        """
    )
    done = pytester.runpytest_subprocess("-n", "0", str(pytester.path))
    done.assert_outcomes(passed=2, errors=1)
    done.stdout.fnmatch_lines(["*a test of the tier unit starts python*; mark it process*"])
