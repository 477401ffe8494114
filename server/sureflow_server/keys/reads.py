"""How often clients may ask for what is there."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from sureflow_server.engine.errors import RefusedError

OWNERS = 10_000
"""Owners that are remembered; those who have not read for longest are forgotten."""


class ReadsError(RefusedError):
    """The client reads too often."""

    kind = "reads-exceeded"


class Reads:
    """A token bucket for each owner, which holds a minute's worth of reads.

    Args:
        per_minute: Reads of an owner, on average; up to as many at once.
        clock: In seconds; one that does not jump.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float] = monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, owner: str) -> None:
        """Count a read.

        Raises:
            ReadsError: It is one too many for now.
        """
        now, rate = self._clock(), self._per_minute / 60
        spent, since = self._spent.pop(owner, (0.0, now))
        spent = max(spent - (now - since) * rate, 0.0)
        room = spent + 1 <= max(self._per_minute, 1)
        self._spent[owner] = spent + room, now
        if len(self._spent) > OWNERS:
            self._spent.popitem(last=False)
        if not room:
            seconds = (spent + 1 - max(self._per_minute, 1)) / rate
            said = f"at most {self._per_minute:g} reads a minute; the next in {seconds:.3g} s"
            raise ReadsError(said, seconds)
