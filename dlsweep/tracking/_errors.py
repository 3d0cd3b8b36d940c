"""The error of a W&B server, and how other errors are shown."""

from __future__ import annotations


class TrackingError(RuntimeError):
    """W&B cannot be reached, or does not let this user in; the text is one line."""


def in_one_line(error: Exception) -> str:
    """The text of an error, whatever line breaks it has."""
    return " ".join(str(error).split())
