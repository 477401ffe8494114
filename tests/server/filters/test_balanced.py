"""As many samples that pass of every class."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sureflow.families.flow.spec import FlowSpec
from sureflow_server.filters import Balanced, StratumThreshold, Threshold, Top
from tests.server.samples import finished

LABELS = 2


@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 5), st.data())
def test_each_class_has_as_many_unless_attempts_run_out(
    each: int, max_attempts: int, first: int, data: st.DataObject
) -> None:
    count = each * LABELS
    most = count * max_attempts
    passing = data.draw(st.lists(st.booleans(), min_size=most, max_size=most))
    chosen = Balanced(Threshold("confidence", 0.5, None, "regenerate"), count, max_attempts, first)
    running = [FlowSpec(3, first + place, label=(first + place) % LABELS) for place in range(count)]
    made, taken = set[int](), dict[int, str]()
    while running:
        spec = running.pop(data.draw(st.integers(0, len(running) - 1)))
        made.add(spec.index)
        confidence = 0.9 if passing[spec.index - first] else 0.1
        sample = finished(spec=spec, confidence=confidence)
        if (following := chosen.follow(sample, len(made))) is not None:
            assert isinstance(following, FlowSpec)
            assert following.label == following.index % LABELS == spec.label
            running.append(following)
        taken[spec.index] = chosen.decide(sample).action_taken
    for place in range(count):
        attempts = range(first + place, first + most, count)
        expected = next((i for i in attempts if passing[i - first]), None)
        ours = [index for index in attempts if index in made]
        assert ours == [i for i in attempts if expected is None or i <= expected]
        assert taken[ours[-1]] == ("dropped" if expected is None else "accepted")
        assert {taken[index] for index in ours[:-1]} <= {"regenerated"}


def test_the_surest_of_each_class_pass() -> None:
    confidences = [0.9, 0.1, 0.8, 0.3, 0.7, 0.2]
    samples = [
        finished(confidence=c, spec=FlowSpec(0, index, label=index % LABELS))
        for index, c in enumerate(confidences)
    ]
    decisions = Top(4, "confidence", "drop", strata=LABELS).finalize(samples, 0)
    taken = [decision.action_taken for decision in decisions]
    assert taken == ["accepted", "dropped", "accepted", "accepted", "dropped", "accepted"]
    assert decisions[4].reason == "rank 3 of 3 of its class, the first 2 pass"
    assert [decision.threshold for decision in decisions] == [0.8, 0.2] * 3
    together = Top(4, "confidence", "drop").finalize(samples, 0)
    assert [d.action_taken for d in together].count("accepted") == 4
    assert together[4].action_taken == "accepted"


def test_each_class_is_held_against_its_own_minimum() -> None:
    chosen = StratumThreshold("confidence", 0.2, None, "drop", minima={"0": 0.2, "1": 0.6})
    taken = {}
    for label, confidence in ((0, 0.3), (1, 0.3), (1, 0.6), (0, 0.1)):
        sample = finished(confidence=confidence, spec=FlowSpec(0, 0, label=label))
        decision = chosen.decide(sample)
        taken[label, confidence] = decision.action_taken, decision.threshold
    assert taken == {
        (0, 0.3): ("accepted", 0.2),
        (1, 0.3): ("dropped", 0.6),
        (1, 0.6): ("accepted", 0.6),
        (0, 0.1): ("dropped", 0.2),
    }
    assert chosen.floor is None
