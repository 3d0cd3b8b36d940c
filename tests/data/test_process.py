from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from dlsweep.parts.data_sets._process import ProgramError, run, telling_line
from tests.data.fakes import program


@pytest.fixture(autouse=True)
def _path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")


def test_returns_the_messages_and_runs_in_the_directory(tmp_path: Path) -> None:
    program(tmp_path / "bin", "prog", 'echo "$1" > made; echo a warning >&2')
    assert run(["prog", "a b; $(c)"], cwd=tmp_path, timeout=10) == "a warning\n"
    assert (tmp_path / "made").read_text() == "a b; $(c)\n"


def test_nothing_can_be_asked(tmp_path: Path) -> None:
    script = 'read answer && exit 1; (: < /dev/tty) 2>/dev/null && exit 2; echo "$LC_ALL" >&2'
    program(tmp_path / "bin", "prog", script + ' "$DEBIAN_FRONTEND" "$npm_config_yes"')
    # pytest's own standard input is empty: have one that could answer.
    theirs, ours = os.pipe()
    os.write(ours, b"yes\n")
    before = os.dup(0)
    os.dup2(theirs, 0)
    try:
        assert run(["prog"], cwd=tmp_path, timeout=10) == "C noninteractive true\n"
    finally:
        os.dup2(before, 0)
        for descriptor in (before, theirs, ours):
            os.close(descriptor)


def test_failure_is_one_line(tmp_path: Path) -> None:
    program(tmp_path / "bin", "prog", 'printf "first\\nE: the   cause\\nlast\\n" >&2; exit 7')
    with pytest.raises(ProgramError, match=r"^prog ended with exit code 7: E: the cause$"):
        run(["prog"], cwd=tmp_path, timeout=10)


def test_failure_without_a_word(tmp_path: Path) -> None:
    program(tmp_path / "bin", "prog", "exit 3")
    with pytest.raises(ProgramError, match=r"^prog ended with exit code 3: no message$"):
        run(["prog"], cwd=tmp_path, timeout=10)


def test_program_that_is_missing_or_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=r"^no-such-program is not installed here$"):
        run(["no-such-program"], cwd=tmp_path, timeout=10)
    program(tmp_path / "bin", "prog", "")
    (tmp_path / "bin" / "prog").write_text("#!/no/such/interpreter\n")
    with pytest.raises(ProgramError, match=r"^prog cannot be started: "):
        run(["prog"], cwd=tmp_path, timeout=10)


def test_a_program_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    program(tmp_path / "bin", "prog", "(sleep 1; touch survived) & touch started; sleep 30")
    start = time.monotonic()
    with pytest.raises(ProgramError, match=r"^prog was still running after 0\.5 s$"):
        run(["prog"], cwd=tmp_path, timeout=0.5)
    assert time.monotonic() - start < 10
    assert (tmp_path / "started").exists()
    time.sleep(1.2)
    assert not (tmp_path / "survived").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("one\n\ntwo\n\n", "two"),
        ("W: careful\nE: cause\nE: advice", "E: cause"),
        (
            "npm error code X\nnpm error request failed, reason: y",
            "npm error request failed, reason: y",
        ),
        ("error " + "x" * 999, "error " + "x" * 294),
    ],
)
def test_telling_line(text: str, expected: str) -> None:
    assert telling_line(text) == expected
