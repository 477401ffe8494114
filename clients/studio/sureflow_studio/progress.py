"""How far requests have come, and how long they will still take."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

ENOUGH = 0.03
"""Share that must be done before anything is said of the rest."""


class Progress:
    """Steps of samples that are being made.

    Attributes:
        before: Requests that are to start before these; ``None`` once they have started.
    """

    def __init__(self, n: int, clock: Callable[[], float] = monotonic) -> None:
        """Begin with nothing.

        Args:
            n: Samples that will come, at least: a filter may call for more.
            clock: Returns seconds.
        """
        self.before: int | None = None
        self._n, self._clock = n, clock
        self._reached: dict[object, float] = {}
        self._begun: float | None = None

    def start(self) -> None:
        """Note that the first samples are being made."""
        self.before = None
        if self._begun is None:
            self._begun = self._clock()

    def reach(self, sample: object, t: float) -> None:
        """Note the time in [0, 1] that a sample has reached."""
        self.start()
        self._reached[sample] = max(t, self._reached.get(sample, 0.0))

    @property
    def share(self) -> float:
        """What is done, in [0, 1]; samples on their way count by their time."""
        return sum(self._reached.values()) / max(self._n, len(self._reached), 1)

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest takes at this pace; ``None`` while there is none to go by."""
        if self._begun is None or self.share < ENOUGH:
            return None
        return (self._clock() - self._begun) * (1 - self.share) / self.share

    def words(self) -> str:
        """Return how it stands."""
        if self._begun is None:
            return _queued(self.before)
        left = self.left_s
        return f"{self.share:.0%}" + ("" if left is None else f" · {_about(left)} left")


def _queued(before: int | None) -> str:
    if not before:
        return "about to start"
    return f"in the queue, {before} {'request' if before == 1 else 'requests'} before it"


def _about(seconds: float) -> str:
    return f"about {seconds / 60:.0f} min" if seconds > 90 else f"about {max(seconds, 1):.0f} s"
