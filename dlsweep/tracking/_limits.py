"""How many runs may be open at once."""

from __future__ import annotations

_FILES_OF_A_RUN = 4
_FILES_BESIDES = 100


def room_for_runs(wanted: int) -> int:
    """How many of ``wanted`` runs this process can have open at once; at least 1.

    A run takes three file descriptors in wandb's service and one here, and if none is left wandb
    loses the run's file without an error. The soft limit is raised as far as it is needed and
    allowed; the service inherits it, so call this before the first run.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return wanted
    needed = _FILES_OF_A_RUN * wanted + _FILES_BESIDES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, (soft - _FILES_BESIDES) // _FILES_OF_A_RUN))
