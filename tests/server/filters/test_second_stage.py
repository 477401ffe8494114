from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureflow_server.filters import Action, Everything, SecondStage, Threshold
from sureflow_server.judges import Verdict
from tests.server.samples import finished

ACCEPTED = Threshold("confidence", 0.5, None, "drop").decide(finished(confidence=0.9))


@given(value=st.floats(-1e6, 1e6), most=st.floats(-1e6, 1e6))
def test_values_up_to_the_maximum_pass(value: float, most: float) -> None:
    decision = SecondStage("own", most).decide(ACCEPTED, Verdict(value, 0.25))
    assert decision.action_taken == ("accepted" if value <= most else "dropped")
    assert decision.withheld == (value > most)
    assert decision.then is not None
    assert (decision.then.by, decision.then.score) == ("judge:own", value)
    assert (decision.then.threshold, decision.then.seconds) == (most, 0.25)


def test_the_first_stage_keeps_its_evidence() -> None:
    decision = SecondStage("own", 0.0).decide(ACCEPTED, Verdict(1.0))
    assert (decision.by, decision.score, decision.threshold) == ("confidence", 0.9, 0.5)
    assert decision.reason == ACCEPTED.reason


@pytest.mark.parametrize(("action", "taken"), [("annotate", "annotated"), ("drop", "dropped")])
def test_without_a_value_nothing_passes(action: Action, taken: str) -> None:
    first = Everything("confidence", action).decide(finished(confidence=0.9))
    decision = SecondStage("own", 1e9).decide(first, Verdict(None, 2.0, "it hung"))
    assert decision.action_taken == taken
    assert decision.then is not None
    assert (decision.then.score, decision.then.reason) == (None, "it hung")


def test_everything_that_was_finished_passes() -> None:
    every = Everything("uncertainty", "drop")
    decision = every.decide(finished(uncertainty=3.0))
    assert (decision.action_taken, decision.score, decision.threshold) == ("accepted", 3.0, None)
    assert every.floor is None
    assert every.halving is None


@pytest.mark.parametrize("reason", ["abandoned", "diverged", "cancelled", "halted"])
def test_what_was_not_finished_is_not_judged(reason: str) -> None:
    decision = Everything("uncertainty", "drop").decide(finished(finish_reason=reason))
    assert decision.action_taken == "dropped"
    assert decision.reason == f"the sample is {reason}"
