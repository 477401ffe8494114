"""Rates and quotas against a clock that stands still until it is moved."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureflow_server.engine.account import Account, Limits
from sureflow_server.engine.errors import QuotaError, RateError, TooManySamplesError


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def take(account: Account, samples: int) -> None:
    account.admit(samples)
    account.enter(samples)


def test_without_limits_anything_goes() -> None:
    account = Account()
    for _ in range(5):
        take(account, 10**9)
    assert account.in_flight == 5 * 10**9


def test_a_minutes_worth_may_come_at_once_and_the_rest_by_the_rate() -> None:
    clock = Clock()
    account = Account(Limits(samples_per_minute=60), clock)
    take(account, 60)
    with pytest.raises(RateError) as caught:
        account.admit(3)
    assert caught.value.retry_after_s == 3.0
    clock.now += 2.5
    with pytest.raises(RateError) as caught:
        account.admit(3)
    assert caught.value.retry_after_s == 0.5
    account.admit(2)
    clock.now += 0.5
    account.admit(3)


def test_asking_takes_nothing() -> None:
    account = Account(Limits(10, 10), Clock())
    for _ in range(20):
        account.admit(10)


def test_a_request_beyond_the_bucket_waits_for_a_full_one_and_leaves_a_debt() -> None:
    clock = Clock()
    account = Account(Limits(samples_per_minute=60), clock)
    take(account, 1)
    with pytest.raises(RateError) as caught:
        account.admit(180)
    assert caught.value.retry_after_s == 1.0
    clock.now += 1
    take(account, 180)
    with pytest.raises(RateError) as caught:
        account.admit(1)
    assert caught.value.retry_after_s == 121.0


def test_the_quota_counts_what_is_in_flight() -> None:
    account = Account(Limits(max_samples_in_flight=4))
    take(account, 3)
    with pytest.raises(QuotaError, match="3 samples"):
        account.admit(2)
    take(account, 1)
    account.leave(2)
    account.admit(2)


def test_what_can_never_be_is_not_put_off() -> None:
    with pytest.raises(TooManySamplesError, match="at most 4"):
        Account(Limits(max_samples_in_flight=4)).admit(5)


def test_limits_may_change_under_way() -> None:
    clock = Clock()
    account = Account(Limits(samples_per_minute=60), clock)
    take(account, 60)
    account.limits = Limits(samples_per_minute=120)
    account.admit(60)
    account.limits = Limits()
    account.admit(10**6)


@given(
    rate=st.floats(0.5, 1000),
    requests=st.lists(st.tuples(st.integers(1, 50), st.floats(0, 30)), max_size=60),
)
def test_no_more_than_a_bucket_above_the_rate(
    rate: float, requests: list[tuple[int, float]]
) -> None:
    """Whatever comes when, started samples stay below rate x time plus a bucket and one request."""
    clock = Clock()
    account = Account(Limits(samples_per_minute=rate), clock)
    begun, started = clock.now, 0
    for samples, pause in requests:
        clock.now += pause
        try:
            take(account, samples)
        except RateError as error:
            clock.now += error.retry_after_s + 1e-6
            take(account, samples)
        started += samples
        assert started <= rate * (clock.now - begun) / 60 + rate + samples + 1e-6
