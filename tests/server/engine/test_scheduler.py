from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sureflow_server.engine.scheduler import IDLE, Scheduler, Turn

Lane = tuple[int, int]


def lanes(request: int, count: int) -> list[Lane]:
    return [(request, number) for number in range(count)]


class Floor:
    """Follows what a scheduler decides, as the samplers would."""

    def __init__(self, rows: int, slots: int) -> None:
        self.scheduler: Scheduler[Lane] = Scheduler()
        self.rows, self.slots = rows, slots
        self.running: dict[int, Lane] = {}
        self.paused: dict[int, Lane] = {}

    @property
    def free(self) -> int:
        return self.slots - len(self.running) - len(self.paused)

    def turn(self, left: dict[int, float] | None = None) -> Turn[Lane]:
        turn = self.scheduler.turn("m", self.rows, self.free, left)
        for ticket in turn.evict:
            (self.running if ticket in self.running else self.paused).pop(ticket)
        for ticket in turn.pause:
            self.paused[ticket] = self.running.pop(ticket)
        for ticket in turn.resume:
            self.running[ticket] = self.paused.pop(ticket)
        for ticket, lane in turn.start:
            assert ticket not in self.running
            self.running[ticket] = lane
        return turn

    def finish(self, request: int) -> None:
        """End a running lane of a request."""
        ticket = next(ticket for ticket, lane in self.running.items() if lane[0] == request)
        del self.running[ticket]
        self.scheduler.finish(ticket)

    @property
    def shares(self) -> Counter[int]:
        return Counter(request for request, _ in self.running.values())


def test_lanes_of_a_request_start_in_order() -> None:
    scheduler: Scheduler[Lane] = Scheduler()
    scheduler.add("m", 1, lanes(1, 3))
    turn = scheduler.turn("m", 5, 5)
    assert [lane for _, lane in turn.start] == lanes(1, 3)
    assert (turn.pause, turn.resume) == ([], [])


def test_a_small_request_runs_in_the_next_tick_beside_a_large_one() -> None:
    floor = Floor(rows=4, slots=8)
    floor.scheduler.add("m", 1, lanes(1, 1000))
    floor.turn()
    floor.scheduler.add("m", 2, lanes(2, 1))
    turn = floor.turn()
    assert [lane for _, lane in turn.start] == [(2, 0)]
    assert len(turn.pause) == 1
    assert floor.shares == {1: 3, 2: 1}


def test_a_paused_lane_goes_on_before_its_request_starts_another() -> None:
    floor = Floor(rows=2, slots=4)
    floor.scheduler.add("m", 1, lanes(1, 9))
    floor.turn()
    floor.scheduler.add("m", 2, lanes(2, 1))
    assert floor.turn().pause == [1], "the lane that was started last"
    floor.finish(2)
    turn = floor.turn()
    assert (turn.resume, turn.start) == ([1], [])


def test_owners_share_evenly_however_many_requests_they_have() -> None:
    floor = Floor(rows=6, slots=12)
    for request in range(5):
        floor.scheduler.add("m", request, lanes(request, 9), owner="busy")
    floor.scheduler.add("m", 9, lanes(9, 9), owner="other")
    floor.turn()
    assert floor.shares[9] == 3
    assert [floor.shares[request] for request in range(5)] == [1, 1, 1, 0, 0]


def test_a_higher_priority_takes_what_it_wants() -> None:
    floor = Floor(rows=4, slots=8)
    floor.scheduler.add("m", 1, lanes(1, 9))
    floor.turn()
    floor.scheduler.add("m", 2, lanes(2, 3), priority=1)
    floor.turn()
    assert floor.shares == {1: 1, 2: 3}


def test_among_equals_the_nearest_deadline_goes_first() -> None:
    floor = Floor(rows=2, slots=6)
    for request, deadline in enumerate((30.0, 10.0, 20.0)):
        floor.scheduler.add("m", request, lanes(request, 1), deadline=deadline)
    floor.scheduler.add("m", 3, lanes(3, 1))
    floor.turn()
    assert floor.shares == {1: 1, 2: 1}


def test_a_lane_of_two_rows_counts_twice() -> None:
    floor = Floor(rows=5, slots=9)
    floor.scheduler.add("m", 1, lanes(1, 9), rows=2, owner="one")
    floor.scheduler.add("m", 2, lanes(2, 9), owner="another")
    floor.turn()
    assert floor.shares == {1: 1, 2: 3}


def test_a_lane_wider_than_a_tick_runs_by_itself() -> None:
    floor = Floor(rows=4, slots=9)
    floor.scheduler.add("m", 1, lanes(1, 2), rows=7)
    floor.scheduler.add("m", 2, lanes(2, 2))
    floor.turn()
    assert floor.shares == {1: 1}


def test_without_free_slots_those_who_hold_some_go_on() -> None:
    """Otherwise a crowd of late comers could stop everybody."""
    floor = Floor(rows=2, slots=2)
    floor.scheduler.add("m", 1, lanes(1, 2))
    floor.turn()
    for request in range(2, 9):
        floor.scheduler.add("m", request, lanes(request, 1), deadline=1.0, priority=request)
    turn = floor.turn()
    assert (turn.pause, turn.start) == ([], [])
    assert floor.shares == {1: 2}


def test_models_have_queues_of_their_own() -> None:
    scheduler: Scheduler[Lane] = Scheduler()
    scheduler.add("a", 1, lanes(1, 2))
    scheduler.add("b", 2, lanes(2, 1))
    assert (scheduler.waiting("a"), scheduler.waiting("b"), scheduler.waiting("c")) == (2, 1, 0)
    assert [lane for _, lane in scheduler.turn("b", 9, 9).start] == [(2, 0)]
    assert scheduler.turn("c", 9, 9) == Turn([], [], [], [])


def test_cancel_names_the_lanes_that_hold_slots_and_drops_the_others() -> None:
    floor = Floor(rows=2, slots=4)
    floor.scheduler.add("m", 1, lanes(1, 3))
    floor.turn()
    floor.scheduler.add("m", 2, lanes(2, 1))
    floor.turn()
    assert floor.scheduler.cancel(1) == ("m", [0, 1])
    assert floor.scheduler.waiting("m") == 0
    assert floor.scheduler.cancel(1) is None


def test_further_lanes_come_after_those_that_the_request_has() -> None:
    scheduler: Scheduler[Lane] = Scheduler()
    scheduler.add("m", 1, lanes(1, 2))
    scheduler.turn("m", 1, 1)
    scheduler.add("m", 1, [(1, 2)])
    assert scheduler.waiting("m") == 2
    assert [lane for _, lane in scheduler.turn("m", 9, 9).start] == [(1, 1), (1, 2)]


def test_a_request_that_goes_on_has_its_old_place() -> None:
    floor = Floor(rows=2, slots=2)
    for request in (1, 2, 3):
        floor.scheduler.add("m", request, lanes(request, 2 if request == 3 else 1))
    floor.turn()
    assert floor.shares == {1: 1, 2: 1}
    floor.finish(1)
    floor.scheduler.add("m", 1, [(1, 1)])
    assert [lane for _, lane in floor.turn().start] == [(1, 1)], "not behind the third"


def test_a_finished_request_is_forgotten() -> None:
    scheduler: Scheduler[Lane] = Scheduler()
    scheduler.add("m", 1, lanes(1, 1))
    ((ticket, _),) = scheduler.turn("m", 1, 1).start
    scheduler.finish(ticket)
    assert scheduler.cancel(1) is None
    with pytest.raises(KeyError):
        scheduler.finish(ticket)


def test_lanes_that_all_have_slots_take_turns() -> None:
    """Three lanes of four ticks on two rows: six ticks, and not the eight of one after another."""
    floor = Floor(rows=2, slots=3)
    floor.scheduler.add("m", 1, lanes(1, 3))
    left: dict[int, float] = {}
    for tick in range(6):
        floor.turn(left)
        assert len(floor.running) == 2, tick
        for ticket in [*floor.running]:
            left[ticket] = left.get(ticket, 4) - 1
            if not left[ticket]:
                del floor.running[ticket]
                floor.scheduler.finish(ticket)
    assert not floor.paused
    assert not floor.scheduler.cancel(1), "it is done"


def test_lanes_do_not_take_turns_while_others_wait_for_slots() -> None:
    """The first samples of a large request are not held up by its last ones."""
    floor = Floor(rows=2, slots=4)
    floor.scheduler.add("m", 1, lanes(1, 9))
    floor.turn({})
    turn = floor.turn({0: 1, 1: 5})
    assert turn == Turn([], [], [], [])


def test_a_lane_takes_its_turn_without_a_slot_meant_for_somebody_new() -> None:
    floor = Floor(rows=2, slots=3)
    floor.scheduler.add("m", 1, lanes(1, 2))
    floor.turn({})
    floor.scheduler.add("m", 2, lanes(2, 2))
    turn = floor.turn({0: 3, 1: 3})
    assert [lane for _, lane in turn.start] == [(2, 0)]
    assert floor.shares == {1: 1, 2: 1}


def test_those_who_hold_slots_are_under_way() -> None:
    floor = Floor(rows=2, slots=3)
    floor.scheduler.add("m", 1, lanes(1, 3), deadline=7.0)
    floor.scheduler.add("m", 2, lanes(2, 1))
    floor.scheduler.add("m", 3, lanes(3, 1))
    floor.turn()
    inf = float("inf")
    assert [*floor.scheduler.under_way("m")] == [(7.0, [0], (1, 1)), (inf, [1], None)]


SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=6)


@given(sizes=SIZES, rows=st.integers(1, 12))
def test_owners_share_max_min_fairly(sizes: list[int], rows: int) -> None:
    """Nobody could have more without taking from one who has no more than they."""
    floor = Floor(rows, slots=64)
    for request, size in enumerate(sizes):
        floor.scheduler.add("m", request, lanes(request, size), owner=str(request))
    floor.turn()
    assert sum(floor.shares.values()) == min(rows, sum(sizes))
    for request, size in enumerate(sizes):
        if floor.shares[request] < size:
            assert max(floor.shares.values()) <= floor.shares[request] + 1


@given(sizes=SIZES, rows=st.integers(1, 12))
def test_of_an_owner_everybody_has_a_lane_and_those_soonest_done_have_the_rest(
    sizes: list[int], rows: int
) -> None:
    floor = Floor(rows, slots=64)
    for request, size in enumerate(sizes):
        floor.scheduler.add("m", request, lanes(request, size), alone=size)
    floor.turn()
    left = rows - len(sizes)
    expected = dict.fromkeys(range(min(rows, len(sizes))), 1)
    for size, request in sorted((size, request) for request, size in enumerate(sizes)):
        more = max(min(size - 1, left), 0)
        left -= more
        if more:
            expected[request] += more
    assert floor.shares == expected


class SchedulerMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order, a lane is waiting, running, paused or gone; never two."""

    def __init__(self) -> None:
        super().__init__()
        self.floor = Floor(rows=3, slots=5)
        self.waiting: set[Lane] = set()
        self.terms: list[dict[str, Any]] = []
        self.sizes: list[int] = []

    @rule(
        count=st.integers(0, 5),
        owner=st.sampled_from("ab"),
        priority=st.integers(0, 1),
        deadline=st.sampled_from([1.0, 2.0, float("inf")]),
        rows=st.integers(1, 4),
    )
    def add(self, count: int, owner: str, priority: int, deadline: float, rows: int) -> None:
        self.terms.append(
            {"rows": rows, "owner": owner, "priority": priority, "deadline": deadline}
        )
        self.sizes.append(0)
        self.more(len(self.sizes) - 1, count)

    def more(self, request: int, count: int) -> None:
        added = lanes(request, self.sizes[request] + count)[self.sizes[request] :]
        self.floor.scheduler.add("m", request, added, **self.terms[request])
        self.waiting |= set(added)
        self.sizes[request] += count

    @precondition(lambda self: self.sizes)
    @rule(data=st.data(), count=st.integers(1, 2))
    def go_on(self, data: st.DataObject, count: int) -> None:
        """Whether its lanes wait, run or have all ended, a request may have more."""
        self.more(data.draw(st.integers(0, len(self.sizes) - 1)), count)

    @rule(data=st.data())
    def turn(self, data: st.DataObject) -> None:
        floor = self.floor
        tickets = [*floor.running, *floor.paused]
        ticks = data.draw(st.none() | st.lists(st.integers(1, 9), min_size=15, max_size=15))
        left = ticks and {ticket: float(ticks[ticket % 15]) for ticket in tickets}
        for _, lane in floor.turn(left).start:
            self.waiting.remove(lane)
        assert floor.free >= 0
        assert bool(floor.running) == bool(self.waiting or floor.paused or floor.running)

    @precondition(lambda self: self.floor.running)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        self.floor.finish(data.draw(st.sampled_from(sorted(self.floor.shares))))

    @precondition(lambda self: self.sizes)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        request = data.draw(st.integers(0, len(self.sizes) - 1))
        in_slots = {**self.floor.running, **self.floor.paused}
        tickets = sorted(ticket for ticket, lane in in_slots.items() if lane[0] == request)
        waiting = {lane for lane in self.waiting if lane[0] == request}
        expected = ("m", tickets) if tickets or waiting else None
        assert self.floor.scheduler.cancel(request) == expected
        self.waiting -= waiting
        for ticket in tickets:
            self.floor.running.pop(ticket, None)
            self.floor.paused.pop(ticket, None)

    @invariant()
    def counts_agree(self) -> None:
        assert self.floor.scheduler.waiting("m") == len(self.waiting)


TestSchedulerMachine = SchedulerMachine.TestCase


def test_what_is_idle_has_rows_only_while_nothing_else_wants_any() -> None:
    """Whatever the model: the other one is asked for rows by nobody here."""
    floor = Floor(rows=4, slots=8)
    floor.scheduler.add("m", 1, lanes(1, 9), priority=IDLE)
    floor.turn()
    assert floor.shares == {1: 4}
    floor.scheduler.add("m", 2, lanes(2, 1), priority=-10)
    assert floor.scheduler.busy
    assert len(floor.turn().pause) == 4
    assert floor.shares == {2: 1}, "though there are rows for three more"
    floor.finish(2)
    assert not floor.scheduler.busy
    assert len(floor.turn().resume) == 4
    floor.scheduler.add("other", 3, lanes(3, 1))
    assert len(floor.turn().pause) == 4
    floor.scheduler.cancel(3)
    assert len(floor.turn().resume) == 4


def test_idle_lanes_give_their_slots_up_to_others() -> None:
    floor = Floor(rows=4, slots=8)
    floor.scheduler.add("m", 1, lanes(1, 8), priority=IDLE)
    floor.turn()
    floor.turn(dict.fromkeys(floor.running, 1.0))
    assert floor.free == 0, "they take turns in all slots"
    floor.scheduler.add("m", 2, lanes(2, 3))
    assert len(floor.turn().evict) == 3
    assert floor.shares == {2: 3}
    assert [*floor.paused.values()] == lanes(1, 5), "those that began first go on later"
    for _ in range(3):
        floor.finish(2)
    assert sorted(lane for _, lane in floor.turn().start) == []
    while floor.scheduler.requests("m"):
        floor.turn({**dict.fromkeys(floor.running, 1.0), **dict.fromkeys(floor.paused, 1.0)})
        floor.finish(1)
    assert floor.scheduler.waiting("m") == 0


def test_a_model_that_closes_starts_nothing_and_evicts_nothing() -> None:
    floor = Floor(rows=4, slots=4)
    floor.scheduler.add("m", 1, lanes(1, 4), priority=IDLE)
    floor.turn()
    floor.scheduler.add("m", 2, lanes(2, 1))
    turn = floor.scheduler.turn("m", 4, 0, closing=True)
    assert (turn.evict, turn.start) == ([], [])
