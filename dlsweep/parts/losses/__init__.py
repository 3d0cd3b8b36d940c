"""Losses of a batch, from logits: one file each."""

from __future__ import annotations

from dlsweep.parts.losses._loss import Loss, number

__all__ = ["Loss", "number"]
