"""So many samples that pass, in rounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureflow.core.halving import halve
from sureflow.core.lane import Rung
from sureflow.families.flow.spec import FlowSpec
from sureflow_server.filters import Rounds, Threshold
from sureflow_server.filters.rounds import times_for
from tests.server.samples import abandoned, finished


def rounds(count: int, times: int, max_attempts: int, first: int = 0) -> Rounds:
    threshold = Threshold("confidence", 0.5, None, "drop")
    return Rounds(threshold, count, times, max_attempts, first=first)


@given(st.integers(1, 8), st.integers(1, 6), st.integers(1, 6), st.data())
def test_rounds_go_on_until_enough_have_passed_or_the_limit(
    count: int, times: int, max_attempts: int, data: st.DataObject
) -> None:
    wanted = rounds(count, times, max_attempts, first=3)
    launched, passed, halving = wanted.begun, 0, wanted.halving
    while True:
        missing = count - passed
        assert missing <= halving.survivors[-1] or launched == count * max_attempts
        passed += data.draw(st.integers(0, min(missing, halving.survivors[-1])))
        following = wanted.next_round(FlowSpec(9, 3), passed, launched)
        if following is None:
            break
        specs, halving = following
        indices = range(3 + launched, 3 + launched + len(specs))
        assert specs == [FlowSpec(9, index) for index in indices]
        assert len(specs) <= times * (count - passed)
        launched += len(specs)
    assert launched <= count * max_attempts
    assert passed == count or launched == count * max_attempts


def test_the_first_round_starts_several_lanes_for_each_that_is_to_be_finished() -> None:
    assert (rounds(4, 5, 8).begun, rounds(4, 5, 8).halving) == (20, halve(20, 4))
    assert (rounds(4, 5, 3).begun, rounds(4, 5, 3).halving) == (12, halve(12, 4))


def test_a_sample_is_held_against_the_bound_unless_it_was_given_up() -> None:
    wanted = rounds(2, 2, 4, first=10)
    good, bad = finished(11, 0.9), finished(15, 0.1)
    assert [wanted.passes(sample) for sample in (good, bad, abandoned(12, 0.9))] == [
        True,
        False,
        False,
    ]
    assert (wanted.decide(good).action_taken, wanted.decide(good).attempt) == ("accepted", 1)
    assert (wanted.decide(bad).action_taken, wanted.decide(bad).attempt) == ("dropped", 3)
    lost = wanted.decide(abandoned(12, rung=Rung(0.4, None, 4, 4, 2)))
    assert lost.action_taken == "abandoned"
    assert lost.reason == "rank 4 of 4 at t = 0.4, the first 2 go on"


@pytest.mark.parametrize(
    ("minimum", "times"), [(None, 6), (0.0, 1), (0.5, 2), (0.8, 5), (0.81, 6), (0.99, 6), (1.0, 6)]
)
def test_so_many_lanes_are_started_as_one_is_expected_to_pass_of(
    minimum: float | None, times: int
) -> None:
    assert times_for(minimum, 6) == times
