"""Values of flags that more than one command takes."""

from __future__ import annotations

from dlsweep.config.kinds import MOST, integer


def checked_count(flag: str, value: str | None, problems: list[str]) -> int | None:
    """A number of things, 1 or more; what is wrong with it is added to ``problems``."""
    if value is None:
        return None
    try:
        return int(integer(1, MOST)(value))
    except ValueError as error:
        problems.append(f"{flag}: got {value!r}, {error}")
        return None


def storage_words(storage: str | None) -> list[str]:
    """The words that name a storage in a hint; none where it is the default."""
    from dlsweep.sweep import storage_name

    return ["--storage", storage_name(storage)] if storage else []
