"""How W&B refuses."""

from __future__ import annotations


class TrackingError(RuntimeError):
    """W&B cannot be reached, or does not let this user in; the text is one line."""
