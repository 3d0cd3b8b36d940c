"""How the C library gives a process its memory."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
_MOST = 2**31 - 1


def keep_freed_memory() -> None:
    """Let this process use the memory again that it frees, rather than give it back to the system.

    For processes that do nothing but train. glibc takes large blocks fresh from the
    system, and gives free ones back: a step of convolutions asks for the same tens of megabytes
    each time, and the system clears them each time, page by page. A member's epoch of study S2's
    networks took up to a third less without. Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, _MOST)
        mallopt(_MMAP_THRESHOLD, _MOST)
