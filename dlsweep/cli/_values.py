"""Words of hints that more than one command gives."""

from __future__ import annotations


def storage_words(storage: str | None) -> list[str]:
    """The words that name a storage in a hint; none where it is the default."""
    return ["--storage", storage] if storage else []
