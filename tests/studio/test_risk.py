"""What is said of how bad the accepted may be."""

from __future__ import annotations

from typing import Any

import pytest

from sureflow_client import Model
from sureflow_studio.risk import risk_of

TABLE = {
    "method": "heun",
    "steps": 20,
    "score": "adherence",
    "guidance": 1.0,
    "judge": "a reader",
    "delta": 0.1,
    "bad_rate": 0.03,
    "thresholds": [[0.5, 0.005], [0.49, 0.01], [0.0, 0.04]],
}
FIXED = {"method": "heun", "steps": 20}
ASKED: Any = {"sampler": FIXED, "label": "3"}


def model(**calibrated: Any) -> Model:
    return Model(
        name="digits", state="ready", default=True, classes=("3", "4"), calibrated=calibrated
    )


def test_a_certificate_is_of_its_own_thresholds_alone() -> None:
    certificate = risk_of(model(conformal=TABLE), ASKED, "adherence").certificate
    assert certificate is not None
    assert [certificate.bound(level) for level in (0.5, 0.49, 0.0)] == [0.005, 0.01, 0.04]
    assert [certificate.bound(level) for level in (0.51, 0.3, 1.0)] == [None] * 3
    assert certificate.certainty == 0.9


@pytest.mark.parametrize(
    ("options", "score"),
    [
        ({**ASKED, "sampler": {**FIXED, "steps": 19}}, "adherence"),
        ({**ASKED, "sampler": {**FIXED, "method": "euler"}}, "adherence"),
        ({**ASKED, "guidance": 2.0}, "adherence"),
        ({**ASKED, "sampler": {**FIXED, "grid": "fitted"}}, "adherence"),
        ({**ASKED, "sampler": {"method": "heun", "tolerance": 1e-3}}, "adherence"),
        ({"sampler": FIXED}, "adherence"),
        (ASKED, "propagated"),
    ],
)
def test_elsewhere_no_risk_is_known(options: Any, score: str) -> None:
    risk = risk_of(model(conformal=TABLE), options, score)
    assert risk.certificate is None
    assert "heun with 20 steps, guidance 1, score adherence, with a class" in risk.reason


def test_without_a_judge_none_is_known_at_all() -> None:
    risk = risk_of(model(), ASKED, "adherence")
    assert risk.certificate is None
    assert risk.reason == "No bad rates are certified for digits."


def test_a_judge_of_the_probe_is_not_passed_over() -> None:
    """It has seen samples of the model; what it said of them certifies nothing."""
    probed = model().model_copy(update={"probed": {"judge": "a reader"}})
    reason = risk_of(probed, ASKED, "probe").reason
    assert "its probe was fitted to the judge a reader" in reason
    assert "No judge has seen" not in reason
