"""What the shared fixtures promise: no network, nothing left behind, options that open doors."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import NOWHERE

pytest_plugins = ["pytester"]

wandb = pytest.importorskip("wandb")


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


def test_marked_tests_wait_for_their_option(pytester: pytest.Pytester):
    pytester.makeini("[pytest]\nmarkers =\n  slow\n  network\n  gpu\n")
    pytester.makeconftest("from tests.conftest import *  # noqa")
    pytester.makepyfile(
        """
        import pytest
        @pytest.mark.slow
        def test_slow(): pass
        @pytest.mark.network
        def test_network(): pass
        def test_plain(): pass
        """
    )
    alone = pytester.runpytest_subprocess("-rs")
    alone.assert_outcomes(passed=1, skipped=2)
    alone.stdout.fnmatch_lines_random(["*slow: run with --slow*", "*network: run with --network*"])
    pytester.runpytest_subprocess("--slow").assert_outcomes(passed=2, skipped=1)
    pytester.runpytest_subprocess("--slow", "--network").assert_outcomes(passed=3)
