"""What a judge says of a sample."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge says of a sample, or why it says nothing.

    Attributes:
        value: How bad the sample is; larger is worse. ``None`` if the judge gave no number.
        seconds: For how long a process was busy with it.
        failure: Why there is no value; empty if there is one.
    """

    value: float | None
    seconds: float = 0.0
    failure: str = ""
