"""What a client has taken, and how much more it may take; without a process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from sureflow_server.engine.errors import QuotaError, RateError, TooManySamplesError


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a client may take; ``None`` sets no limit.

    Attributes:
        samples_per_minute: Samples that it may start, on average; up to as many at once.
        max_samples_in_flight: Samples accepted and not finished.
    """

    samples_per_minute: float | None = None
    max_samples_in_flight: int | None = None


class Tally(Protocol):
    """What samples of one client are counted in."""

    def admit(self, samples: int) -> None:
        """See :meth:`Account.admit`."""

    def enter(self, samples: int) -> None:
        """See :meth:`Account.enter`."""

    def leave(self, samples: int) -> None:
        """See :meth:`Account.leave`."""


class Account:
    """The samples of one client: a token bucket for the rate, a counter for those in flight.

    The bucket holds a minute's worth. A request larger than that waits until the bucket is full
    and then leaves it in debt, so that the average holds and no size is shut out for good. Samples
    that a request asks for on its way, to replace others, are paid for in the same way.

    Attributes:
        limits: May be replaced at any time.
        in_flight: Samples accepted and not finished.
    """

    def __init__(self, limits: Limits | None = None, clock: Callable[[], float] = monotonic):
        self.limits = limits or Limits()
        self.in_flight = 0
        self._clock = clock
        self._spent = 0.0
        self._updated = clock()

    def admit(self, samples: int) -> None:
        """Return if so many samples may start now; nothing is taken yet.

        Raises:
            TooManySamplesError: They never may, in one request.
            QuotaError: Too many are in flight.
            RateError: They come too fast.
        """
        most = self.limits.max_samples_in_flight
        if most is not None and samples > most:
            raise TooManySamplesError(f"at most {most} at a time with this key, got {samples}")
        if most is not None and self.in_flight + samples > most:
            raise quota_error(self.in_flight, self.limits)
        seconds = self._seconds_until(samples)
        if seconds > 0:
            raise rate_error(samples, seconds, self.limits)

    def enter(self, samples: int) -> None:
        """Samples were accepted, or one was replaced by another."""
        self._recover()
        if self.limits.samples_per_minute is not None:
            self._spent += samples
        self.in_flight += samples

    def leave(self, samples: int) -> None:
        """Samples were finished or given up."""
        self.in_flight -= samples

    def _seconds_until(self, samples: int) -> float:
        rate = self.limits.samples_per_minute
        if rate is None:
            return 0.0
        self._recover()
        over = self._spent + min(samples, rate) - rate
        return max(over, 0.0) * 60 / rate

    def _recover(self) -> None:
        """Let time refill the bucket; without a rate nothing is remembered."""
        now, rate = self._clock(), self.limits.samples_per_minute
        elapsed, self._updated = now - self._updated, now
        self._spent = 0.0 if rate is None else max(self._spent - elapsed * rate / 60, 0.0)


def quota_error(in_flight: int, limits: Limits) -> QuotaError:
    """Return the error of a client that has too many samples in flight for more."""
    most = limits.max_samples_in_flight
    return QuotaError(f"{in_flight} samples of this key are under way and at most {most} may be")


def rate_error(samples: int, seconds: float, limits: Limits) -> RateError:
    """Return the error of a client whose samples may start in so many seconds."""
    return RateError(
        f"this key may start {limits.samples_per_minute:g} samples a minute; "
        f"{samples} may start in {seconds:.3g} s",
        seconds,
    )
