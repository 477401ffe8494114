"""Where a trajectory is left by an edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class AtTime:
    """The last step that begins at a time or before.

    Attributes:
        t: Flow time, ``0 <= t < 1``; 0 is noise, 1 is the finished sample.
    """

    t: float

    def body(self) -> dict[str, Any]:
        """Return it as the request has it."""
        return {"t": float(self.t)}


@dataclass(frozen=True)
class AtStep:
    """After a number of completed steps.

    Attributes:
        step: So many, from 0.
    """

    step: int

    def body(self) -> dict[str, Any]:
        """Return it as the request has it."""
        return {"step": int(self.step)}


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

    def body(self) -> dict[str, Any]:
        """Return it as the request has it."""
        return {"commit": int(self.rank), "shift": float(self.shift)}


At = AtTime | AtStep | AtCommit


def at_body(at: At | float | Literal["commit"]) -> dict[str, Any] | str:
    """Return where to leave a trajectory as the request has it; a bare number is a time."""
    if isinstance(at, str):
        return at
    return (at if isinstance(at, At) else AtTime(at)).body()
