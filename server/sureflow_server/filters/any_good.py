"""Few samples, one of which at least is good."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, log

from sureflow_server.filters.target import Target

REACHED = 0.999
"""Probability with which enough samples pass among the most that may be made."""

NEARLY = 1e-9
"""Powers are off by rounding."""


@dataclass(frozen=True, slots=True)
class AnyGood(Target):
    """A filter that makes samples until so many have passed that one of them is good.

    Those that pass are the first ``count`` of at least a confidence from which on no more than a
    share ``rate`` is bad, so that all of them are bad with a probability of ``rate ** count``; see
    :class:`~sureflow.confidence.stratified.Stratified`. Which ones they are does not depend on the
    order in which they finish; see :class:`Target`.

    Attributes:
        rate: Bound on the bad rate of what passes.
        limit: Samples that may be made.
    """

    rate: float = 1.0
    limit: int = 1

    @property
    def begun(self) -> int:
        """Lanes that start at once."""
        return self.count

    @property
    def most(self) -> int:
        """Samples that may be made."""
        return self.limit

    def certified(self, accepted: int) -> float:
        """Probability that of so many samples that have passed at least one is good."""
        return float(1 - self.rate**accepted)

    def shortfall(self, accepted: int) -> str | None:
        """Say that fewer samples have passed than the promise takes; ``None`` if enough have."""
        if accepted >= self.count:
            return None
        found = f"{accepted} of the {self.count} that it takes passed among {self.limit}"
        return f"filter.any_good: {found}; one of them is good at {self.certified(accepted):.3g}"


@dataclass(frozen=True, slots=True)
class Choice:
    """How many samples make a promise, from which confidence on.

    Attributes:
        minimum: Least confidence of a sample that passes.
        rate: Bound on the bad rate of such samples.
        count: How many of them have to pass.
        draws: Among how many so many pass with a probability of :data:`REACHED`.
    """

    minimum: float
    rate: float
    count: int
    draws: int


def choices(table: Iterable[tuple[float, float]], any_good: float, most: int) -> list[Choice]:
    """The ways to make a promise, that of the fewest samples first, then of the fewest draws.

    Args:
        table: Confidences, and bounds on the bad rates from there on.
        any_good: Probability of at least one good sample.
        most: Ways that take more draws than this are left out.
    """
    found = []
    for minimum, rate in table:
        count = _count(rate, 1 - any_good)
        draws = None if count > most else _draws(count, 1 - minimum, most)
        if draws is not None:
            found.append(Choice(minimum, rate, count, draws))
    return sorted(found, key=lambda each: (each.count, each.draws))


def _count(rate: float, risk: float) -> int:
    """How many samples are all bad with a probability of at most a risk."""
    return max(ceil(log(risk) / log(rate) - NEARLY), 1)


def _draws(count: int, share: float, most: int) -> int | None:
    """Among how many draws, of which a share passes, ``count`` pass; ``None`` if it takes more."""
    passed = [1.0] + [0.0] * (count - 1)  # probabilities of so many; from ``count`` on none is kept
    for draws in range(1, most + 1):
        before = [0.0, *passed[:-1]]
        passed = [
            (1 - share) * stay + share * come for stay, come in zip(passed, before, strict=True)
        ]
        if sum(passed) <= 1 - REACHED:
            return draws
    return None
