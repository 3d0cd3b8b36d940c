"""A PostgreSQL server of the tests' own, in a temporary folder, reached by a socket there."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any


def binaries() -> Path | None:
    """The folder of PostgreSQL's programs; Debian has them outside PATH."""
    found = shutil.which("postgres")
    if found is not None:
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return installed[-1].parent if installed else None


def missing() -> str:
    """Why there can be no server here; empty where there can."""
    if binaries() is None:
        return "no PostgreSQL here: apt-get install postgresql"
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "no psycopg here: pip install 'dlsweep[postgresql]'"
    return ""


class Postgres:
    """A running server with one database, ``sweeps``; whoever reaches its socket may do all."""

    def __init__(self) -> None:
        found = binaries()
        assert found is not None
        self._programs = found
        self._place = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # sockets' paths are short
        self._data = self._place / "data"
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:  # as which PostgreSQL refuses to run
            names = {user.pw_name for user in pwd.getpwall()}
            user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
            os.chown(self._place, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def url(self, database: str = "sweeps") -> str:
        """For SQLAlchemy."""
        return f"postgresql+psycopg://sweeper:hushhush@/{database}?host={self._place}"

    def __enter__(self) -> Postgres:
        options = ("-U", "sweeper", "-A", "trust", "-N", "-E", "UTF8")
        self._run("initdb", "-D", str(self._data), *options)
        self.start()
        self.create("sweeps")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self._place, ignore_errors=True)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"-k {self._place} -c listen_addresses='' -c fsync=off -c max_connections=200"
        log = str(self._place / "log")
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        """Stop the server as a power cut would: all connections break."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", "immediate", "stop")

    def create(self, database: str) -> str:
        """A new database's URL."""
        place = ("-h", str(self._place), "-U", "sweeper")
        self._run("createdb", *place, database)
        return self.url(database)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self._place,
            env={**os.environ, "LC_ALL": "C"},
            **self._as,
        )
        assert done.returncode == 0, done.stdout
