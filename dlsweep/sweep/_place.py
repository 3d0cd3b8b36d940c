"""Where a machine keeps the checkpoints of a shared study, and who has been at work there.

A place is a folder with a name of its own, drawn at random and kept in it. The study says of each
stack at which place it is trained; who comes to that place again can form the stack again and go
on from its checkpoint: the same machine, or another one that sees the same folder.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from pathlib import Path

from dlsweep.sweep._checkpoints import tidy
from dlsweep.sweep._lock import OwnerLock

_NAME = "place"
_LOCK = ".lock"


def new_owner() -> str:
    """A name for this process among those that train a study: machine, number, something new."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


class Place:
    """A folder of checkpoints that is made when it is first needed.

    Args:
        folder: of the checkpoints of one study.
        owner: the name of this process; see ``new_owner``.
    """

    def __init__(self, folder: Path, owner: str) -> None:
        self._folder = folder.absolute()
        self._lock = OwnerLock(self._folder / f"{owner}{_LOCK}")
        self._entered = False
        self.id = self._read()
        """The place's name; empty before somebody has entered it."""

    def enter(self) -> None:
        """Be at work here until ``leave``, or until this process dies."""
        if self._entered:
            return
        self._entered = True
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self.id = self._read() or self._make()
        except OSError:  # then there are no checkpoints either, and nobody will come back to them
            self.id = secrets.token_hex(8)

    def leave(self) -> None:
        """Be no longer at work here."""
        self._lock.release()

    def clear(self) -> None:
        """Leave, and remove what is here unless somebody else is at work."""
        self.leave()
        locks = list(self._folder.glob(f"*{_LOCK}"))
        if any(OwnerLock(path).held_elsewhere() for path in locks):
            return
        for path in (*locks, self._folder / _NAME):
            with contextlib.suppress(OSError):
                path.unlink()
        tidy(self._folder)

    def has_lost(self, owner: str) -> bool:
        """Whether a process of this machine was at work here and has died since."""
        if not owner.startswith(f"{socket.gethostname()}-"):
            return False  # of other machines' locks, network file systems do not always know
        path = self._folder / f"{owner}{_LOCK}"
        return path != self._lock.path and path.exists() and not OwnerLock(path).held_elsewhere()

    def _read(self) -> str:
        try:
            return (self._folder / _NAME).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return ""

    def _make(self) -> str:
        """Give the folder a name, whole at once; where two do so, both have the first one's."""
        name = secrets.token_hex(8)
        draft = self._folder / f"{_NAME}-{name}"
        draft.write_text(name, encoding="utf-8")
        try:
            os.link(draft, self._folder / _NAME)
        except FileExistsError:
            name = self._read()
        except OSError:  # a file system without links
            draft.replace(self._folder / _NAME)
        finally:
            draft.unlink(missing_ok=True)
        return name
