"""Which confidence holds where, by shifts that are known."""

from __future__ import annotations

import numpy as np
import pytest

from sureflow.confidence.curve import SAME, Curve
from sureflow.confidence.shift import Setting, Shift, Shifts, ranges
from sureflow.families.flow.spec import FlowSpec

SCORE = "likelihood"
LEVELS = np.linspace(0, 1, 65)


def shift(steps: int, by: float, error: float = 0.01, **fields: object) -> Shift:
    """Confidence ``u`` becomes ``u ** by``."""
    setting = Setting("euler", steps, **fields)  # type: ignore[arg-type]
    return Shift(setting, {SCORE: Curve(LEVELS, LEVELS**by)}, {SCORE: error})


def test_between_settings_curves_are_interpolated_and_beyond_them_the_nearest_holds() -> None:
    shifts = Shifts((shift(20, 1.2), shift(80, 1.4), Shift(Setting("heun", 20), {}, {SCORE: 0.0})))
    for steps, expected in ((5, 0.5**1.2), (20, 0.5**1.2), (300, 0.5**1.4)):
        found = shifts.confidence(0.5, SCORE, Setting("euler", steps))
        assert found == pytest.approx(expected)
    middle = shifts.confidence(0.5, SCORE, Setting("euler", 40))
    assert middle == pytest.approx((0.5**1.2 + 0.5**1.4) / 2)
    for setting in (Setting("heun", 20), Setting("rk4", 20), Setting("euler", 20, guidance=2.0)):
        assert shifts.confidence(0.3, SCORE, setting) == 0.3
    assert shifts.confidence(0.3, "straightness", Setting("euler", 20)) == 0.3


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ([shift(10, 1.5), shift(20, 1.0)], ((10, 10), (20, 20))),
        ([shift(10, 1.5), shift(20, 1.05), shift(40, 1.0)], ((10, 10), (20, None))),
        ([shift(10, 1.0, 0.06), shift(20, 1.0)], ((20, 20),)),
        ([shift(10, 1.0), shift(20, 1.05), shift(40, 1.3)], ((10, 20), (40, 40))),
        ([shift(10, 1.0), shift(20, 1.0, 0.2), shift(40, 1.0)], ((10, 10), (40, 40))),
        ([shift(10, 1.0, 0.2)], ()),
    ],
    ids=["far apart", "converged", "coarse one too far", "fine one apart", "a gap", "none"],
)
def test_ranges(family: list[Shift], expected: object) -> None:
    assert ranges(family, SCORE) == expected


def test_ranges_of_tolerances_end_at_the_tightest() -> None:
    loose, tight = (
        Shift(Setting("ab2", tolerance=tolerance), {SCORE: SAME}, {SCORE: 0.01})
        for tolerance in (0.1, 0.03)
    )
    assert ranges([loose, tight], SCORE) == ((0.0, 0.1),)
    assert ranges([loose], SCORE) == ((0.1, 0.1),)
    holds = Shifts((tight, loose)).holds
    assert holds.covers(SCORE, FlowSpec(0, 0, "ab2", tolerance=1e-5))
    assert not holds.covers(SCORE, FlowSpec(0, 0, "ab2", tolerance=0.11))


def test_round_trip() -> None:
    shifts = Shifts((shift(20, 1.2), Shift(Setting("heun", 20), {}, {SCORE: 0.0})))
    read = Shifts.read(shifts.tensors(), shifts.metadata())
    assert read is not None
    assert read.holds == shifts.holds
    setting = Setting("euler", 20)
    assert read.confidence(0.3, SCORE, setting) == shifts.confidence(0.3, SCORE, setting)
    falling = {name: np.stack([c[0], c[1, ::-1]]) for name, c in shifts.tensors().items()}
    with pytest.raises(ValueError, match="shifts/0/likelihood does not rise"):
        Shifts.read(falling, shifts.metadata())
    with pytest.raises(ValueError, match="settings and errors"):
        Shifts.read({}, {"shifts": '[{"setting": {"speed": 3}, "error": {}}]'})
    assert Shifts.read({}, {}) is None


def test_settings_may_tell_of_different_scores() -> None:
    """Guided lanes have no likelihood, though the reference draws' tables name it."""
    both = Shift(Setting("euler", 10), {}, {SCORE: 0.0, "straightness": 0.0})
    one = Shift(Setting("euler", 20), {}, {"straightness": 0.01})
    shifts = Shifts((both, one))
    assert shifts.holds.words(SCORE) == "euler with 10 steps"
    assert shifts.holds.words("straightness") == "euler with 10 or more steps"
    assert shifts.confidence(0.3, SCORE, Setting("euler", 20)) == 0.3
