"""Where a trajectory is left by an edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class AtTime:
    """The last step that begins at a time or before.

    Attributes:
        t: Flow time, ``0 <= t < 1``; 0 is noise, 1 is the finished sample.
    """

    t: float


@dataclass(frozen=True)
class AtStep:
    """After a number of completed steps.

    Attributes:
        step: So many, from 0.
    """

    step: int


@dataclass(frozen=True)
class AtCommit:
    """One of the moments at which the sample decided something; ``Handle.commits`` lists them.

    Attributes:
        rank: 1 is the commit point, by which three quarters of the variance were resolved; 2 where
            what was open fell fastest, often earlier; then the next of these, as far as there are
            several.
        shift: Added to its time; a little earlier leaves more open.
    """

    rank: int = 1
    shift: float = 0.0


At = AtTime | AtStep | AtCommit


def at_body(at: At | float | str) -> dict[str, Any] | str:
    """Return where to leave a trajectory as the request has it; a bare number is a time."""
    if isinstance(at, str):
        return at
    if isinstance(at, AtCommit):
        return {"commit": at.rank, "shift": at.shift}
    return vars(at if isinstance(at, At) else AtTime(at))
