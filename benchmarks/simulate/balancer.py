"""Which replica a request goes to, by the requests that are under way on each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Balancer = Callable[[Counts], int]


def random(seed: int) -> Balancer:
    """Any of them."""
    generator = np.random.default_rng(seed)
    return lambda counts: int(generator.integers(len(counts)))


def round_robin(seed: int) -> Balancer:
    """One after the other."""
    return _Turns(lambda counts, turn: turn)


def two_choices(seed: int) -> Balancer:
    """The one with less to do of two at random, which no balancer needs to know all others for."""
    generator = np.random.default_rng(seed)

    def choose(counts: Counts) -> int:
        one, other = generator.integers(len(counts), size=2)
        return int(one if counts[one] <= counts[other] else other)

    return choose


def least_outstanding(seed: int) -> Balancer:
    """The one with the fewest requests under way; among equals, one after the other."""

    def choose(counts: Counts, turn: int) -> int:
        return int((turn + np.argmin(np.roll(counts, -turn))) % len(counts))

    return _Turns(choose)


class _Turns:
    def __init__(self, choose: Callable[[Counts, int], int]) -> None:
        self._choose = choose
        self._turn = 0

    def __call__(self, counts: Counts) -> int:
        turn = self._turn % len(counts)
        self._turn += 1
        return self._choose(counts, turn)


BALANCERS: dict[str, Callable[[int], Balancer]] = {
    "random": random,
    "round robin": round_robin,
    "two choices": two_choices,
    "least outstanding": least_outstanding,
}
