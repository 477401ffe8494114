from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sureflow.core.halving import halve
from sureflow.core.lane import Rung
from sureflow_server.filters import Top
from tests.server.samples import abandoned, finished

SCORES = st.lists(st.one_of(st.none(), st.sampled_from([0.1, 0.5, 0.5, 0.9])), min_size=1)


@given(SCORES, st.data())
def test_exactly_so_many_pass_and_none_that_does_not_is_surer(
    scores: list[float | None], data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, len(scores)))
    top = Top(count, "confidence", "drop")
    samples = [finished(index, score) for index, score in enumerate(scores)]
    assert all(top.decide(sample) is None for sample in samples)
    decisions = top.finalize(samples, 0)
    passed = [decision.action_taken == "accepted" for decision in decisions]
    assert sum(passed) == count
    keys = [(-1.0 if score is None else score, -index) for index, score in enumerate(scores)]
    worst = min(key for key, good in zip(keys, passed, strict=True) if good)
    assert all(key < worst for key, good in zip(keys, passed, strict=True) if not good)
    assert {decision.threshold for decision in decisions} == {scores[-worst[1]]}


def test_by_uncertainty_the_lowest_pass() -> None:
    samples = [finished(index, None, score) for index, score in enumerate([3.0, 1.0, 2.0])]
    decisions = Top(2, "uncertainty", "annotate").finalize(samples, 0)
    assert [d.action_taken for d in decisions] == ["annotated", "accepted", "accepted"]
    assert [d.reason for d in decisions] == [
        "rank 3 of 3, the first 2 pass",
        "rank 1 of 3, the first 2 pass",
        "rank 2 of 3, the first 2 pass",
    ]
    assert decisions[0].threshold == 2.0


def test_what_was_given_up_for_others_is_decided_at_once_and_not_ranked_again() -> None:
    top = Top(1, "confidence", "drop", halve(3, 1))
    decision = top.decide(abandoned(2, rung=Rung(0.2, 7.5, 3, 3, 2)))
    assert decision is not None
    assert decision.action_taken == "abandoned"
    assert decision.reason == "rank 3 of 3 at t = 0.2, the first 2 go on"
    assert (decision.score, decision.threshold, decision.abandoned_at) == (None, None, 0.5)
    assert decision.rung == Rung(0.2, 7.5, 3, 3, 2)
    left = [finished(0, 0.2), finished(1, 0.9)]
    decisions = top.finalize(left, 0)
    assert [each.action_taken for each in decisions] == ["dropped", "accepted"]
    assert {each.rung for each in decisions} == {None}
