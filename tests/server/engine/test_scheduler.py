from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sureflow_server.engine.scheduler import Scheduler

Lane = tuple[int, int]


def lanes(request: int, count: int) -> list[Lane]:
    return [(request, number) for number in range(count)]


def test_lanes_of_a_request_start_in_order() -> None:
    scheduler: Scheduler[Lane] = Scheduler()
    scheduler.add("m", 1, lanes(1, 3))
    assert [lane for _, lane in scheduler.admit("m", 5)] == lanes(1, 3)


def test_a_small_request_does_not_wait_behind_a_large_one() -> None:
    scheduler: Scheduler[Lane] = Scheduler()
    scheduler.add("m", 1, lanes(1, 200))
    scheduler.admit("m", 32)
    scheduler.add("m", 2, lanes(2, 1))
    assert (2, 0) in [lane for _, lane in scheduler.admit("m", 2)]


def test_models_have_queues_of_their_own() -> None:
    scheduler: Scheduler[Lane] = Scheduler()
    scheduler.add("a", 1, lanes(1, 2))
    scheduler.add("b", 2, lanes(2, 1))
    assert (scheduler.waiting("a"), scheduler.waiting("b"), scheduler.waiting("c")) == (2, 1, 0)
    assert [lane for _, lane in scheduler.admit("b", 9)] == [(2, 0)]
    assert scheduler.admit("c", 9) == []


def test_cancel_names_the_running_lanes_and_drops_the_others() -> None:
    scheduler: Scheduler[Lane] = Scheduler()
    scheduler.add("m", 1, lanes(1, 3))
    tickets = [ticket for ticket, _ in scheduler.admit("m", 2)]
    assert scheduler.cancel(1) == ("m", tickets)
    assert scheduler.waiting("m") == 0
    assert scheduler.admit("m", 9) == []
    assert scheduler.cancel(1) is None


def test_a_finished_request_is_forgotten() -> None:
    scheduler: Scheduler[Lane] = Scheduler()
    scheduler.add("m", 1, lanes(1, 1))
    ((ticket, _),) = scheduler.admit("m", 1)
    scheduler.finish(ticket)
    assert scheduler.cancel(1) is None
    with pytest.raises(KeyError):
        scheduler.finish(ticket)


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    chunks=st.lists(st.integers(1, 5), min_size=1, max_size=9),
)
def test_slots_go_to_requests_in_turns(sizes: list[int], chunks: list[int]) -> None:
    """While a request waits, nobody gets ahead of it by more than one slot."""
    scheduler: Scheduler[Lane] = Scheduler()
    for request, size in enumerate(sizes):
        scheduler.add("m", request, lanes(request, size))
    got: Counter[int] = Counter()
    for chunk in chunks * sum(sizes):
        for _, (request, _) in scheduler.admit("m", chunk):
            got[request] += 1
            waiting = [got[other] for other, size in enumerate(sizes) if got[other] < size]
            assert not waiting or got[request] <= min(waiting) + 1
    assert got == Counter(dict(enumerate(sizes)))


class SchedulerMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order, every lane is waiting, running, or gone; never two."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler: Scheduler[Lane] = Scheduler()
        self.waiting: set[Lane] = set()
        self.running: dict[int, Lane] = {}
        self.seen: set[int] = set()
        self.next = 0

    @rule(count=st.integers(0, 5))
    def add(self, count: int) -> None:
        self.scheduler.add("m", self.next, lanes(self.next, count))
        self.waiting |= set(lanes(self.next, count))
        self.next += 1

    @rule(free=st.integers(0, 6))
    def admit(self, free: int) -> None:
        admitted = self.scheduler.admit("m", free)
        assert len(admitted) == min(free, len(self.waiting))
        for ticket, lane in admitted:
            assert ticket not in self.seen
            self.seen.add(ticket)
            self.waiting.remove(lane)
            self.running[ticket] = lane

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(sorted(self.running)))
        self.scheduler.finish(ticket)
        del self.running[ticket]

    @precondition(lambda self: self.next)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        request = data.draw(st.integers(0, self.next - 1))
        tickets = sorted(t for t, lane in self.running.items() if lane[0] == request)
        waiting = {lane for lane in self.waiting if lane[0] == request}
        expected = ("m", tickets) if tickets or waiting else None
        assert self.scheduler.cancel(request) == expected
        self.waiting -= waiting
        for ticket in tickets:
            del self.running[ticket]

    @invariant()
    def counts_agree(self) -> None:
        assert self.scheduler.waiting("m") == len(self.waiting)


TestSchedulerMachine = SchedulerMachine.TestCase
