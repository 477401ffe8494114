"""Scores of lanes in flight: stub scores that note every call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from sureflow.core.lane import LaneSpec
from sureflow.core.lanes import Lanes
from sureflow.core.score import Score
from sureflow.sampling.scoring import Scoring

SECRET = "secret"


class Plain(Score):
    """Adds up what it is shown; notes the calls."""

    calls: list[tuple[Any, ...]]

    def __init__(self, fields, shape) -> None:
        super().__init__(fields, shape)
        self.total, self.last = fields.number("total"), fields.tensor("last", *shape)
        self.count, self.moved = fields.count("count"), fields.flag("moved")
        self.calls = []

    def admit(self, slot, spec) -> None:
        self.calls.append(("admit", slot, spec.index))
        self.total[slot] = self.count[slot] = 0
        self.last[slot] = 0
        self.moved[slot] = False

    def begin(self, step) -> None:
        self._note("begin", step, step.evidence("state"))

    def add(self, step) -> None:
        self._note("add", step, step.evidence("state"))
        self.total[step.slots] += step.weight * step.evidence("trace")
        self.count[step.slots] += 1
        self.last[step.where] = step.evidence("state")

    def jump(self, slot, evidence) -> None:
        self.calls.append(("jump", slot, evidence("t")))
        self.moved[slot] = True

    def renew(self, slot, evidence) -> None:
        self.calls.append(("renew", slot, evidence("t")))

    def recondition(self, slot, spec) -> None:
        self.calls.append(("recondition", slot, spec.index))

    def values(self, slots, where, evidence):
        return torch.from_numpy(self.total[slots]) + evidence("end").sum(1)

    def _note(self, name, step, rows) -> None:
        self.calls.append(
            (name, step.slots.tolist(), step.t.tolist(), step.weight.tolist(), rows[:, 0].tolist())
        )


class Costly(Plain):
    """Wants the secret of lanes that have come to their own hour."""

    costly = (SECRET,)
    hour = 0.5

    def wants(self, name, slots, t):
        self.calls.append(("wants", name, slots.tolist(), t.tolist()))
        return t >= self.hour

    def inputs(self, evidence, where):
        return self.last[where] + self.hour

    def observe(self, step) -> None:
        self.calls.append(
            ("see", step.slots.tolist(), step.t.tolist(), step.evidence(SECRET).tolist())
        )


class Later(Costly):
    hour = 0.75


KINDS = {"plain": Plain, "costly": Costly, "later": Later}


class Counted:
    """Kinds of scores by name, and how often each was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, name: str) -> type[Score]:
        self.asked.append(name)
        return KINDS[name]


@pytest.fixture
def lanes() -> Lanes:
    return Lanes(6, torch.device("cpu"), 3)


@pytest.fixture
def scoring(lanes: Lanes) -> Scoring:
    return Scoring(lanes, (2,), Counted())


def spec(index: int, *scores: str) -> LaneSpec:
    return LaneSpec(0, index, scores=scores)


def slots(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def made(scoring: Scoring, name: str) -> Any:
    """The score itself, its calls forgotten."""
    score = scoring._scores[name][0]
    score.calls.clear()
    return score


def rows(numbers):
    """Evidence by row: the state of row ``i`` begins with ``10 i``, its trace is ``i``."""
    state = torch.tensor([[10.0 * n, 1.0] for n in numbers])
    found = {"state": state, "trace": np.array(numbers, np.float64)}

    def of(part, slots):
        return lambda name: found[name][part]

    return of


def test_a_score_is_made_when_a_lane_first_asks_for_it(scoring: Scoring, lanes: Lanes) -> None:
    before = lanes.nbytes
    assert not any(name.startswith("score.") for name in lanes.fields)
    scoring.admit(0, spec(0, "plain"))
    assert {name for name in lanes.fields if name.startswith("score.")} == {
        f"score.plain.{name}" for name in ("total", "last", "count", "moved")
    }
    assert lanes.nbytes - before == 6 * (8 + 2 * 4 + 8 + 1)
    scoring.admit(1, spec(1, "plain"))
    assert scoring._kinds.asked == ["plain"]


def test_steps_are_handed_to_the_lanes_that_ask(scoring: Scoring) -> None:
    """Each score gets its own lanes, with their own rows of the evidence."""
    for slot, names in enumerate((("plain",), (), ("plain", "costly"), ("costly",), ("plain",))):
        scoring.admit(slot, spec(slot, *names))
    plain, costly = made(scoring, "plain"), made(scoring, "costly")
    of = slots(0, 1, 2, 3, 4)
    t, h = np.arange(5) / 10, np.arange(5) / 100
    scoring.begin(of, t, h, rows(range(5)))
    scoring.add(of, t, -h, rows(range(5)))
    assert plain.calls == [
        ("begin", [0, 2, 4], [0.0, 0.2, 0.4], [0.0, 0.02, 0.04], [0.0, 20.0, 40.0]),
        ("add", [0, 2, 4], [0.0, 0.2, 0.4], [-0.0, -0.02, -0.04], [0.0, 20.0, 40.0]),
    ]
    assert [(call[0], call[1], call[-1]) for call in costly.calls] == [
        ("begin", [2, 3], [20.0, 30.0]),
        ("add", [2, 3], [20.0, 30.0]),
    ]
    assert plain.total.tolist() == pytest.approx([0, 0, -0.04, 0, -0.16, 0])
    assert plain.count.tolist() == [1, 0, 1, 0, 1, 0]
    assert plain.last[:, 0].tolist() == [0, 0, 20, 0, 40, 0]


def test_a_lane_that_nobody_follows_is_handed_to_no_score(scoring: Scoring) -> None:
    scoring.admit(0, spec(0, "plain"))
    plain = made(scoring, "plain")
    scoring.begin(slots(1, 2), np.zeros(2), np.ones(2), rows((1, 2)))
    scoring.add(slots(1, 2), np.zeros(2), np.ones(2), rows((1, 2)))
    assert [*scoring.of(1)] == []
    assert plain.calls == []


def test_the_next_lane_of_a_slot_is_followed_by_its_own_scores(scoring: Scoring) -> None:
    scoring.admit(0, spec(0, "plain"))
    scoring.add(slots(0), np.zeros(1), np.ones(1), rows((3,)))
    scoring.admit(0, spec(1, "costly"))
    plain, costly = made(scoring, "plain"), made(scoring, "costly")
    scoring.add(slots(0), np.zeros(1), np.ones(1), rows((4,)))
    assert plain.calls == []
    assert [call[0] for call in costly.calls] == ["add"]
    scoring.admit(0, spec(2, "plain"))
    assert plain.calls == [("admit", 0, 2)]
    assert plain.total[0] == 0


def test_costly_evidence_is_wanted_by_whom_and_when_it_is(scoring: Scoring) -> None:
    """Only lanes that ask for the score are put to it, each at its own time."""
    t = np.array([0.6, 0.9, 0.4, 0.5])
    scoring.admit(0, spec(0, "plain"))
    assert scoring.wants(SECRET, slots(0), t[:1]) is None
    for slot, names in ((1, ("plain", "costly")), (2, ("costly",)), (3, ("costly",))):
        scoring.admit(slot, spec(slot, *names))
    costly = made(scoring, "costly")
    assert scoring.wants(SECRET, slots(0, 1, 2, 3), t).tolist() == [False, True, False, True]
    assert costly.calls == [("wants", SECRET, [1, 2, 3], [0.9, 0.4, 0.5])]
    assert scoring.wants("another", slots(0, 1, 2, 3), t) is None
    assert scoring.wants(SECRET, slots(0, 2), t[[0, 2]]) is None
    assert len(costly.calls) == 2
    assert scoring.wants(SECRET, slots(0), t[:1]) is None
    assert len(costly.calls) == 2, "no lane of its own among them"


def test_two_scores_share_what_both_want(scoring: Scoring) -> None:
    for slot, names in enumerate((("costly",), ("later",), ("costly", "later"), ("later",))):
        scoring.admit(slot, spec(slot, *names))
    costly, later = made(scoring, "costly"), made(scoring, "later")
    t = np.array([0.6, 0.6, 0.6, 0.8])
    of = slots(0, 1, 2, 3)
    wanted = scoring.wants(SECRET, of, t)
    assert wanted.tolist() == [True, False, True, True]
    costly.calls.clear(), later.calls.clear()
    scoring.observe(SECRET, of[wanted], t[wanted], {SECRET: torch.tensor([5.0, 6.0, 7.0])})
    assert [call for call in costly.calls if call[0] == "see"] == [
        ("see", [0, 2], [0.6, 0.6], [5.0, 6.0])
    ]
    assert [call for call in later.calls if call[0] == "see"] == [("see", [3], [0.8], [7.0])]


def test_what_it_is_asked_with_is_each_lanes_own(scoring: Scoring) -> None:
    """Lanes in any order and more than once; of two scores that want it the first by name says."""
    names = (("later",), (), ("costly",), ("later", "costly"), ("plain",))
    for slot, of in enumerate(names):
        scoring.admit(slot, spec(slot, *of))
        for name in of:
            scoring._scores[name][0].last[slot] = slot
    asked = scoring.inputs(SECRET, slots(0, 2, 2))
    assert asked.tolist() == [[0.75, 0.75], [2.5, 2.5], [2.5, 2.5]]
    asked = scoring.inputs(SECRET, slots(3, 0, 3, 2))
    assert asked[:, 0].tolist() == [3.5, 0.75, 3.5, 2.5]


def test_frames_hold_what_the_scores_of_their_lane_keep(scoring: Scoring, lanes: Lanes) -> None:
    scoring.admit(0, spec(0, "plain"))
    scoring.admit(1, spec(1, "plain", "costly"))
    scoring.add(slots(0, 1), np.zeros(2), np.ones(2), rows((3, 4)))
    lanes.step[:2] = 1
    one, two = lanes.take_frame(0), lanes.take_frame(1)
    of = {name for name in one.arrays if name.startswith("score.")}
    assert of == {f"score.plain.{name}" for name in ("total", "last", "count", "moved")}
    assert scoring.complete_in(one.arrays, ("plain",))
    assert not scoring.complete_in(one.arrays, ("plain", "costly"))
    assert not scoring.complete_in(one.arrays, ("later",))
    assert scoring.complete_in(two.arrays, ("costly", "plain"))
    assert scoring.complete_in(one.arrays, ())
    scoring.admit(4, spec(9, "plain"))
    lanes.restore(4, spec(9, "plain"), one)
    plain = made(scoring, "plain")
    assert (plain.total[4], plain.count[4], plain.last[4].tolist()) == (3, 1, [30, 1])


def test_a_lane_has_its_own_scores_alone(scoring: Scoring) -> None:
    scoring.admit(0, spec(0, "plain"))
    scoring.admit(1, spec(1, "costly"))
    assert [*scoring.of(0)] == [made(scoring, "plain")]
    assert [*scoring.of(1)] == [made(scoring, "costly")]


def test_values_are_those_of_the_lanes_in_their_order(scoring: Scoring) -> None:
    for slot in (0, 2, 3):
        scoring.admit(slot, spec(slot, "plain"))
    scoring.add(slots(0, 2, 3), np.zeros(3), np.array([1.0, 2.0, 3.0]), rows((1, 2, 3)))
    ends = {"end": torch.tensor([[1.0, 2.0], [10.0, 20.0]])}
    found = scoring.values("plain", slots(0, 3), ends.__getitem__)
    assert found.dtype == np.float64
    assert found.tolist() == [1 + 3, 9 + 30]


def test_evidence_that_nobody_looks_at_is_not_worked_out(scoring: Scoring) -> None:
    scoring.admit(0, spec(0, "costly"))
    scoring.admit(1, spec(1, "plain"))
    looked: list[str] = []

    def of(part, slots):
        def evidence(name):
            looked.append(name)
            return rows((0, 1))(part, slots)(name)

        return evidence

    scoring.add(slots(0, 1), np.zeros(2), np.ones(2), of)
    assert sorted({*looked}) == ["state", "trace"]
    looked.clear()
    scoring.add(slots(2, 3), np.zeros(2), np.ones(2), of)
    assert looked == []
