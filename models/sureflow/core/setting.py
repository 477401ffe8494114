"""How lanes are run, as far as it matters to what their scores are compared with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """A place among the settings of a family.

    Attributes:
        key: What settings share that differ in fineness alone: names and values, such as
            ``(("method", "heun"), ("guidance", 1.0))``. Numbers, strings and booleans, so that it
            can be written as JSON.
        axis: What the fineness is the number of, such as ``steps``; part of what they share.
        value: That number as a request has it, such as 20 steps, or a tolerance of 0.01.
        fineness: Larger is finer; settings of one key are interpolated in its logarithm.
    """

    key: tuple[tuple[str, str | float | bool], ...]
    axis: str
    value: float
    fineness: float
