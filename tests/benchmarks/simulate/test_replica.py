"""A replica on a simulated clock, against closed forms and against one tick at a time."""

from __future__ import annotations

from itertools import accumulate
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulate.costs import Costs
from benchmarks.simulate.replica import Ask, Load, Replica
from sureflow.core.family import cost_of
from sureflow.families.flow.spec import FlowSpec
from sureflow_server.engine.loader import SLOTS_PER_ROW
from sureflow_server.engine.scheduler import Scheduler

EULER = FlowSpec(0, 0, "euler", 1)
GUIDED = FlowSpec(0, 0, "euler", 1, label=0, guidance=2.0)


def costs(*tick_s: float) -> Costs:
    return Costs("test", (0.0, *tick_s), (0.0, *tick_s), {})


def ask(number: int, *evaluations: int, spec: FlowSpec = EULER, deadline: float = inf) -> Ask:
    return Ask(number, (spec,) * len(evaluations), evaluations, deadline)


def play(replica: Replica, arrivals: list[tuple[float, Ask]]) -> dict[int, float]:
    """When each request is done."""
    ends: dict[int, float] = {}

    def until(time: float) -> None:
        while replica.due < time:
            now = replica.due
            ends.update(dict.fromkeys(replica.step(), now))

    for at, each in arrivals:
        until(at)
        assert replica.offer(at, each)
    until(inf)
    return ends


def test_alone_it_takes_its_own_ticks() -> None:
    replica = Replica(costs(0.5, 0.75), Load())
    assert play(replica, [(3.0, ask(0, 7))]) == {0: 3.0 + 7 * 0.5}


def test_two_lanes_share_ticks_and_the_longer_one_ends_alone() -> None:
    replica = Replica(costs(0.5, 0.75), Load())
    assert play(replica, [(0.0, ask(0, 2, 5))]) == {0: 2 * 0.75 + 3 * 0.5}


def test_who_arrives_within_a_tick_runs_from_the_next_one_on() -> None:
    replica = Replica(costs(1.0, 2.0), Load())
    ends = play(replica, [(0.0, ask(0, 4)), (1.5, ask(1, 1))])
    assert ends == {0: 2 * 1.0 + 1 * 2.0 + 1 * 1.0, 1: 2.0 + 2.0}


def test_a_guided_lane_has_two_rows() -> None:
    replica = Replica(costs(1.0, 2.0, 3.0), Load())
    assert play(replica, [(0.0, ask(0, 4, spec=GUIDED))]) == {0: 4 * 2.0}


def test_a_request_that_is_late_frees_its_rows() -> None:
    replica = Replica(costs(1.0), Load(), admission=False)
    replica.offer(0.0, ask(0, 100, deadline=2.5))
    replica.offer(0.0, ask(1, 1))
    while replica.due < 2.5:
        assert replica.step() == []
    assert replica.expire(2.5, 0)
    assert not replica.expire(2.5, 0)
    assert replica.due == 3.0, "the tick that runs is not cut short"
    assert replica.step() == []
    assert (replica.due, replica.step()) == (4.0, [1])
    assert replica.due == inf
    assert replica.waiting == 0


def test_what_cannot_be_in_time_is_refused() -> None:
    replica = Replica(costs(1.0), Load())
    play(replica, [(0.0, ask(0, 1))])
    assert not replica.offer(1.5, ask(1, *(20,) * 9, deadline=2.0))
    assert replica.offer(1.5, ask(2, 1, deadline=100.0))


def test_waiting_times_of_one_row_and_one_tick_are_those_of_m_d_1() -> None:
    """One by one by Lindley's recursion; the mean by Pollaczek and Khinchine's formula."""
    rho, count, tick_s = 0.6, 20_000, 2.0
    gaps = np.random.default_rng(5).exponential(tick_s / rho, count)
    at = np.cumsum(gaps)
    load = Load(0.0, float(at[-1]))
    replica = Replica(costs(tick_s), load, admission=False)
    ends = play(replica, [(float(time), ask(n, 1)) for n, time in enumerate(at)])
    waits = np.array([ends[n] for n in range(count)]) - at - tick_s
    each = accumulate(gaps[1:], lambda wait, gap: max(0.0, wait + tick_s - gap), initial=0.0)
    assert waits == pytest.approx(np.array(list(each)), abs=1e-6)
    assert waits.mean() == pytest.approx(rho * tick_s / (2 * (1 - rho)), rel=0.1)
    assert load.busy_s / load.end == pytest.approx(rho, rel=0.03)
    little = count / load.end * waits.mean()
    assert load.waiting_s / load.end == pytest.approx(little, rel=0.001)
    assert load.rows == pytest.approx(count, rel=0.001)


def tick_by_tick(tick_s: Costs, arrivals: list[tuple[float, Ask]]) -> dict[int, float]:
    """The same in the plainest way: the loop of a worker, one tick after the other."""
    scheduler: Scheduler[list[int]] = Scheduler()
    due, now = list(arrivals), 0.0
    running: dict[int, list[int]] = {}
    paused: dict[int, list[int]] = {}
    left: dict[int, int] = {}
    ends: dict[int, float] = {}
    while due or left:
        if not running and not paused and not left:
            now = max(now, due[0][0])
        while due and due[0][0] <= now:
            _, each = due.pop(0)
            rows = cost_of(each.lanes[0]).peak
            lanes = [[each.id, n, rows] for n in each.evaluations]
            left[each.id] = len(lanes)
            scheduler.add("m", each.id, lanes, rows=rows)
        turn = scheduler.turn(
            "m", tick_s.rows, SLOTS_PER_ROW * tick_s.rows - len(running) - len(paused)
        )
        paused |= {ticket: running.pop(ticket) for ticket in turn.pause}
        running |= {ticket: paused.pop(ticket) for ticket in turn.resume}
        running |= dict(turn.start)
        now += tick_s.seconds(sum(lane[2] for lane in running.values()))
        for ticket, lane in [*running.items()]:
            lane[1] -= 1
            if lane[1] == 0:
                del running[ticket]
                scheduler.finish(ticket)
                left[lane[0]] -= 1
                if left[lane[0]] == 0:
                    del left[lane[0]]
                    ends[lane[0]] = now
    return ends


asks = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.lists(st.integers(1, 9), min_size=1, max_size=4),
        st.sampled_from([EULER, GUIDED]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=150)
@given(asks=asks, rows=st.integers(1, 5))
def test_stretches_are_ticks_one_after_the_other(
    asks: list[tuple[int, list[int], FlowSpec]], rows: int
) -> None:
    """Arrivals at quarters and ticks in halves: sums of floats are exact, and ties are met."""
    tick_s = costs(*(1.0 + 0.5 * n for n in range(rows)))
    times = accumulate(gap / 4 for gap, _, _ in asks)
    arrivals = [
        (at, ask(number, *evaluations, spec=spec))
        for number, (at, (_, evaluations, spec)) in enumerate(zip(times, asks, strict=True))
    ]
    replica = Replica(tick_s, Load(), admission=False)
    assert play(replica, arrivals) == tick_by_tick(tick_s, arrivals)
