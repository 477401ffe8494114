"""How fast a machine works at present, and at best, in comparison with what ticks should take."""

from __future__ import annotations

from math import exp, expm1

WINDOW_S = 0.15
"""Seconds within which what was seen of the machine loses its weight; they pass at rest as well.
That is the time of a few ticks: who has gone is held against nobody for longer."""

GRANTED_S = WINDOW_S / 60
"""Seconds of work at the best pace that are taken as seen, whatever has been."""


class Pace:
    """Learns from ticks how many times longer they take than they should.

    That is the time in ticks over the time that they should have taken, where both fade with time.
    So a tick counts by how long ago it was and not by how many have been since, a standstill has no
    more weight than the time that it lasted, and where nothing is seen any more the pace is soon
    taken to be the best that ever was.

    Attributes:
        best: Least slowness that was seen, and 1 at most, lest a machine that is disturbed from the
            beginning be taken for a slow one; 0 as long as none was.
    """

    def __init__(self) -> None:
        self.best = 0.0
        self._took = self._due = 0.0
        self._at = 0.0

    def saw(self, now: float, seconds: float, due: float) -> None:
        """Take note of ticks that are just over.

        Args:
            now: Reading of a clock.
            seconds: What the ticks took.
            due: What they should have taken. Where that is nothing, nothing is learned.
        """
        if seconds <= 0 or due <= 0:
            return
        kept = exp(-max(now - self._at, seconds) / WINDOW_S)
        took = -WINDOW_S * expm1(-seconds / WINDOW_S)
        self._took = kept * self._took + took
        self._due = kept * self._due + took * due / seconds
        self._at = now
        self.best = min(self.best or 1.0, self._took / self._due)

    def slowness(self, now: float) -> float:
        """How many times longer than they should ticks take at present; 0 if none was seen."""
        kept = exp(-max(now - self._at, 0.0) / WINDOW_S)
        return (kept * self._took + GRANTED_S * self.best) / (kept * self._due + GRANTED_S)
