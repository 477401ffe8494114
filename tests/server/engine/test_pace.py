"""The pace of a machine, on a clock that the tests move."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureflow_server.engine.pace import Pace

slow_ones = st.floats(1, 1000)
due_s = st.floats(0.01, 0.2)


def work(pace: Pace, begin: float, lasts: float, due: float, slowness: float, rest: float) -> float:
    """Let it see ticks of a machine for so long, with rests between them; return when it is."""
    now, end = begin, begin + lasts
    while now < end:
        now += rest + due * slowness
        pace.saw(now, due * slowness, due)
    return now


def test_of_a_machine_that_was_not_seen_nothing_is_known() -> None:
    pace = Pace()
    assert (pace.slowness(9.0), pace.best) == (0.0, 0.0)
    pace.saw(9.0, 1.0, 0.0)
    pace.saw(9.0, 0.0, 1.0)
    assert (pace.slowness(9.0), pace.best) == (0.0, 0.0), "ticks that cost nothing teach nothing"


@given(slowness=st.floats(0.2, 5), due=due_s, rest=st.floats(0, 0.05))
def test_it_is_unbiased_at_a_steady_pace(slowness: float, due: float, rest: float) -> None:
    pace = Pace()
    now = work(pace, 0.0, 3.0, due, slowness, min(rest, 3 * due))
    assert pace.slowness(now) == pytest.approx(slowness, rel=0.15)
    assert pace.best == pytest.approx(min(slowness, 1.0))


@given(slow=slow_ones, due=due_s, lasted=st.floats(0, 5), rests=st.booleans())
def test_it_comes_back_within_three_seconds_at_work_and_at_rest(
    slow: float, due: float, lasted: float, rests: bool
) -> None:
    pace = Pace()
    now = work(pace, 0.0, 1.0, due, 1.0, 0.0)
    now = work(pace, now, lasted, due, slow, 0.0)
    now = now + 3.0 if rests else work(pace, now, 3.0, due, 1.0, due)
    assert 1 <= pace.slowness(now) * (1 + 1e-9) <= 1.3
    assert pace.best == pytest.approx(1.0)


@given(slow=slow_ones, due=due_s)
def test_a_standstill_has_no_more_weight_than_its_time(slow: float, due: float) -> None:
    """One tick that stood still is as bad as many slow ones of the same time in all."""
    once, often = Pace(), Pace()
    now = work(once, 0.0, 1.0, due, 1.0, 0.0)
    work(often, 0.0, 1.0, due, 1.0, 0.0)
    once.saw(now + 10 * due * slow, 10 * due * slow, 10 * due)
    for n in range(10):
        often.saw(now + (n + 1) * due * slow, due * slow, due)
    later = now + 10 * due * slow
    assert once.slowness(later) == pytest.approx(often.slowness(later))


def test_who_is_disturbed_from_the_beginning_is_not_taken_for_slow() -> None:
    pace = Pace()
    now = work(pace, 0.0, 3.0, 0.01, 8.0, 0.0)
    assert pace.slowness(now) > 7
    assert pace.best == 1.0
    assert pace.slowness(now + 60) == pytest.approx(1.0)
