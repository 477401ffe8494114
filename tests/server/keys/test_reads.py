"""How often who may read, by a clock that stands still until it is moved."""

from __future__ import annotations

import pytest

from sureflow_server.keys import reads
from sureflow_server.keys.reads import Reads, ReadsError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def count(reads: Reads, owner: str, most: int = 1000) -> int:
    """How often an owner may read now."""
    for number in range(most):
        try:
            reads.admit(owner)
        except ReadsError:
            return number
    return most


def test_a_minutes_worth_at_once_and_then_the_rate() -> None:
    clock = Clock()
    reads = Reads(60, clock)
    assert (count(reads, "a"), count(reads, "b")) == (60, 60), "each has its own"
    with pytest.raises(ReadsError, match="60 reads a minute") as caught:
        reads.admit("a")
    assert caught.value.retry_after_s == pytest.approx(1)
    clock.now += 10
    assert count(reads, "a") == 10
    clock.now += 1e6
    assert count(reads, "a") == 60


def test_less_than_one_a_minute() -> None:
    clock = Clock()
    reads = Reads(0.5, clock)
    assert count(reads, "a") == 1
    clock.now += 119
    assert count(reads, "a") == 0
    clock.now += 2
    assert count(reads, "a") == 1


def test_owners_are_forgotten_rather_than_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "OWNERS", 2)
    rates = Reads(1, Clock())
    assert [count(rates, owner) for owner in "abac"] == [1, 1, 0, 1]
    assert count(rates, "a") == 0, "the one that has not read for longest goes"
    assert count(rates, "b") == 1
