"""Who goes on from a rung, whatever the order of arrival, and whoever decided before."""

from __future__ import annotations

from math import nan
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureflow.core.commit import commit_point
from sureflow.core.halving import Halving, halve
from sureflow.core.lane import Sample
from sureflow.core.lanes import Suspended
from sureflow.families.flow.spec import FlowSpec
from sureflow.sampling.cohort import Cohort, Settled
from sureflow.sampling.parked import Parked

VALUES = st.sampled_from([0.0, 1.0, 2.0, 3.0, nan])


def parked(number: int, t: float, value: float) -> Parked:
    times = np.array([0.0])
    sample = Sample(
        spec=FlowSpec(0, number),
        data=np.zeros(2, np.float32),
        t=times,
        rate=times,
        finish_reason="abandoned",
        accepted=1,
        rejected=0,
        evaluations=8,
        abandoned_at=t,
        uncertainty=0.0,
        confidence=None,
        commit=commit_point(times, times),
    )
    return Parked(t, value, sample, cast("Suspended", None))


def climb(
    halving: Halving, lanes: list[int], table: list[list[float]], order: Any
) -> tuple[set[int], dict[int, Any]]:
    """Let lanes reach all rungs, in an order; return those left, and why the others are not."""
    cohort, left, why = Cohort(halving, lanes), {*lanes}, {}
    for rung, t in enumerate(halving.rungs):
        settled: Settled | None = None
        for lane in order(sorted(left)):
            assert settled is None, "it was settled before all had arrived"
            cohort.arrive(lane, parked(lane, t, table[lane][rung]))
            settled = cohort.settle()
        assert settled is not None
        assert {*settled.survivors} | {*settled.dropped} == left
        why |= {lane: sample.rung for lane, sample in settled.dropped.items()}
        left = {*settled.survivors}
    return left, why


@given(st.data())
def test_the_order_of_arrival_does_not_matter(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    halving = halve(count, data.draw(st.integers(1, count)))
    table = [[data.draw(VALUES) for _ in halving.rungs] for _ in range(count)]
    lanes = [*range(count)]
    forwards = climb(halving, lanes, table, list)
    assert forwards == climb(halving, lanes, table, lambda left: data.draw(st.permutations(left)))
    left, why = forwards
    for rung, t in enumerate(halving.rungs):
        for lane in (lane for lane in why if why[lane].t == t):
            above = [each for each in left | {*why} if each in left or why[each].t > t]
            doubt = np.nan_to_num(table[lane][rung], nan=9)
            assert all(np.nan_to_num(table[each][rung], nan=9) <= doubt for each in above)
            assert why[lane].survivors == len(above) == halving.survivors[rung]


@given(st.data())
def test_what_is_left_by_a_worker_that_died_comes_to_the_same(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    halving = halve(count, data.draw(st.integers(1, count)))
    table = [[data.draw(VALUES) for _ in halving.rungs] for _ in range(count)]
    whole, why = climb(halving, [*range(count)], table, list)
    settled = data.draw(st.sampled_from([0.0, *halving.rungs]))
    owed = [lane for lane in range(count) if lane not in why or why[lane].t > settled]
    assert climb(halving, owed, table, list) == (
        whole,
        {lane: rung for lane, rung in why.items() if rung.t > settled},
    )


def test_lanes_that_end_by_themselves_are_not_waited_for() -> None:
    cohort = Cohort(halve(3, 1), range(3))
    cohort.arrive(0, parked(0, 0.2, 2.0))
    cohort.arrive(2, parked(2, 0.2, 1.0))
    assert cohort.settle() is None
    assert cohort.parked == 2
    cohort.end(1)
    settled = cohort.settle()
    assert settled is not None
    assert [*settled.survivors] == [0, 2]
    assert not cohort.ended


@pytest.mark.parametrize("values", [[nan, nan, nan], [0.0, 0.0, 0.0]])
def test_a_score_that_tells_nothing_drops_nobody(values: list[float]) -> None:
    cohort = Cohort(halve(3, 1), range(3))
    for lane, value in enumerate(values):
        cohort.arrive(lane, parked(lane, 0.2, value))
    settled = cohort.settle()
    assert settled is not None
    assert (len(settled.survivors), settled.dropped) == (3, {})


def test_what_has_no_value_is_dropped_first_and_says_so() -> None:
    cohort = Cohort(halve(4, 1), range(4))
    for lane, value in enumerate([nan, 3.0, 2.0, 1.0]):
        cohort.arrive(lane, parked(lane, 0.4, value))
    settled = cohort.settle()
    assert settled is not None
    assert [*settled.survivors] == [3]
    rungs = {lane: sample.rung for lane, sample in settled.dropped.items()}
    assert {lane: (r.rank, r.lanes, r.survivors, r.value) for lane, r in rungs.items() if r} == {
        2: (2, 4, 1, 2.0),
        1: (3, 4, 1, 3.0),
        0: (4, 4, 1, None),
    }
