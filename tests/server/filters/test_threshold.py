from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureflow_server.filters import Action, Threshold
from tests.server.samples import abandoned, finished

ACTIONS: list[Action] = ["annotate", "drop", "regenerate"]
REFUSED = {"annotate": "annotated", "drop": "dropped", "regenerate": "regenerated"}


@pytest.mark.parametrize("action", ACTIONS)
@given(score=st.floats(0, 1), bound=st.floats(0, 1))
def test_a_minimum_passes_scores_at_or_above_it(action: Action, score: float, bound: float) -> None:
    threshold = Threshold("confidence", bound, None, action)
    decision = threshold.decide(finished(confidence=score))
    assert decision.action_taken == ("accepted" if score >= bound else REFUSED[action])
    assert (decision.score, decision.threshold, decision.attempt) == (score, bound, 1)
    assert decision.reason == ("score ≥ threshold" if score >= bound else "score < threshold")
    assert decision.withheld == (score < bound and action != "annotate")
    assert threshold.floor is None


@given(score=st.floats(0, 1e6), bound=st.floats(0, 1e6))
def test_a_maximum_passes_scores_at_or_below_it(score: float, bound: float) -> None:
    decision = Threshold("uncertainty", None, bound, "drop").decide(finished(uncertainty=score))
    assert decision.action_taken == ("accepted" if score <= bound else "dropped")


@pytest.mark.parametrize("score", [None, float("nan"), float("inf")])
def test_a_score_that_is_none_does_not_pass(score: float | None) -> None:
    decision = Threshold("confidence", 0.0, None, "drop").decide(finished(confidence=score))
    assert (decision.action_taken, decision.score) == ("dropped", None)
    assert decision.reason == "no score"


@pytest.mark.parametrize("action", ACTIONS)
def test_an_abandoned_sample_does_not_pass_whatever_its_number(action: Action) -> None:
    threshold = Threshold("confidence", 0.5, None, action, early=True)
    decision = threshold.decide(abandoned(confidence=0.9))
    assert decision.action_requested == action
    assert decision.action_taken == "abandoned"
    assert decision.abandoned_at == 0.5
    assert decision.withheld
    assert threshold.floor == 0.5


@pytest.mark.parametrize(("minimum", "floor"), [(-1.0, 0.0), (0.3, 0.3), (1.5, 1.0)])
def test_what_a_lane_is_told_is_a_confidence(minimum: float, floor: float) -> None:
    assert Threshold("confidence", minimum, None, "drop", early=True).floor == floor


def test_a_threshold_without_bounds_is_an_error() -> None:
    with pytest.raises(ValueError, match="minimum or a maximum"):
        Threshold("confidence", None, None, "drop").decide(finished(confidence=0.5))
