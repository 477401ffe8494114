from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureflow_server.filters import Action, Threshold, decide

ACTIONS: list[Action] = ["annotate", "drop"]
REFUSED = {"annotate": "annotated", "drop": "dropped"}


@pytest.mark.parametrize("action", ACTIONS)
@given(score=st.floats(0, 1), bound=st.floats(0, 1))
def test_a_minimum_passes_scores_at_or_above_it(action: Action, score: float, bound: float) -> None:
    decision = decide(Threshold("confidence", bound, None, action), score)
    assert decision.action_taken == ("accepted" if score >= bound else REFUSED[action])
    assert (decision.score, decision.threshold, decision.attempt) == (score, bound, 1)
    assert decision.reason == ("score ≥ threshold" if score >= bound else "score < threshold")


@given(score=st.floats(0, 1e6), bound=st.floats(0, 1e6))
def test_a_maximum_passes_scores_at_or_below_it(score: float, bound: float) -> None:
    decision = decide(Threshold("uncertainty", None, bound, "drop"), score)
    assert decision.action_taken == ("accepted" if score <= bound else "dropped")


@pytest.mark.parametrize("score", [None, float("nan"), float("inf")])
def test_a_score_that_is_none_does_not_pass(score: float | None) -> None:
    decision = decide(Threshold("confidence", 0.0, None, "drop"), score)
    assert (decision.action_taken, decision.score) == ("dropped", None)
    assert decision.reason == "no score"


def test_a_threshold_without_bounds_is_an_error() -> None:
    with pytest.raises(ValueError, match="minimum or a maximum"):
        decide(Threshold("confidence", None, None, "drop"), 0.5)
