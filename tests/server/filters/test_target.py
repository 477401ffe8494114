from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureflow.core.lane import Sample
from sureflow.families.flow.spec import FlowSpec
from sureflow_server.filters import Action, Decision, Target, Threshold
from tests.server.samples import abandoned, finished


def target(count: int, max_attempts: int, action: Action = "regenerate") -> Target:
    return Target(Threshold("confidence", 0.5, None, action), count, max_attempts)


class Request:
    """A request whose lanes finish in any order; index ``i`` passes if ``passing[i]``."""

    def __init__(self, target: Target, passing: list[bool]) -> None:
        self.target, self.passing = target, passing
        self.running = [FlowSpec(3, index) for index in range(target.count)]
        self.launched = target.count
        self.most_running = target.count
        self.decided: dict[int, Decision] = {}
        self.pending: list[Sample] = []

    def finish(self, place: int) -> None:
        spec = self.running.pop(place % len(self.running))
        sample = finished(spec=spec, confidence=0.9 if self.passing[spec.index] else 0.1)
        follower = self.target.follow(sample, self.launched)
        if follower is not None:
            assert follower == FlowSpec(3, self.launched)
            self.running.append(follower)
            self.launched += 1
        self.most_running = max(self.most_running, len(self.running))
        decision = self.target.decide(sample)
        if decision is None:
            self.pending.append(sample)
        else:
            self.decided[spec.index] = decision

    def finalize(self) -> dict[int, Decision]:
        pending = sorted(self.pending, key=lambda sample: sample.spec.index)
        accepted = sum(d.action_taken == "accepted" for d in self.decided.values())
        last = self.target.finalize(pending, accepted)
        indices = [sample.spec.index for sample in pending]
        return dict(sorted({**self.decided, **dict(zip(indices, last, strict=True))}.items()))


@given(st.integers(1, 6), st.integers(1, 4), st.data())
def test_the_same_samples_are_made_in_any_order(
    count: int, max_attempts: int, data: st.DataObject
) -> None:
    most = count * max_attempts
    passing = data.draw(st.lists(st.booleans(), min_size=most, max_size=most))
    passed_by = [*accumulate(passing)]
    expected = passed_by.index(count) + 1 if count in passed_by else most

    def decisions(order: list[int]) -> dict[int, Decision]:
        request = Request(target(count, max_attempts), passing)
        for place in order:
            if request.running:
                request.finish(place)
        assert not request.running
        assert request.launched == expected
        assert request.most_running == count, "never more than room was reserved for"
        return request.finalize()

    shuffled = decisions(data.draw(st.lists(st.integers(0, 99), min_size=most, max_size=most)))
    assert shuffled == decisions([0] * most)
    assert [*shuffled] == [*range(expected)]
    for index, decision in shuffled.items():
        assert decision.attempt == index // count + 1
        assert (decision.action_taken == "accepted") == passing[index]
    failed = [d.action_taken for d in shuffled.values() if d.action_taken != "accepted"]
    missing = count - sum(passing[:expected])
    replaced = expected - count
    assert failed == ["regenerated"] * replaced + ["dropped"] * missing


@pytest.mark.parametrize(("action", "taken"), [("drop", "dropped"), ("annotate", "annotated")])
def test_what_becomes_of_the_others_is_as_asked(action: Action, taken: str) -> None:
    request = Request(target(1, 3, action), [False, False, False])
    for _ in range(3):
        request.finish(0)
    assert not request.pending
    assert [d.action_taken for d in request.finalize().values()] == [taken] * 3


def test_an_abandoned_sample_calls_for_another_and_says_so_to_the_end() -> None:
    wanted = target(1, 2)
    assert wanted.follow(abandoned(0, 0.9), 1) == FlowSpec(0, 1)
    first = wanted.decide(abandoned(0))
    assert first is not None
    assert first.action_taken == "abandoned"
    last = abandoned(1)
    assert wanted.follow(last, 2) is None
    assert wanted.decide(last) is None
    assert [d.action_taken for d in wanted.finalize([last], 0)] == ["abandoned"]
