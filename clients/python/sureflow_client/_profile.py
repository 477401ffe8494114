"""Uncertainty over the course of a sample, and when the sample decided."""

from __future__ import annotations

from ._wire import Wire


class Commit(Wire):
    """The moment at which a sample had mostly decided what it would be."""

    t: float
    """Flow time in [0, 1]; 0 is noise, 1 is the finished sample."""

    step: int
    """The solver step that begins there, from 0."""


class Profile(Wire):
    """Uncertainty over the course of a sample."""

    t: tuple[float, ...]
    """Start time of each step."""

    rate: tuple[float | None, ...]
    """Predicted variance of the velocity, summed over components, at those times; ``None``
    where it was not finite."""
