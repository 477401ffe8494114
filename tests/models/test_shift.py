"""Confidence put right at other settings, against shifts that are known."""

from __future__ import annotations

import numpy as np
import pytest

from sureflow.lane import LaneSpec
from sureflow.shift import LIMIT, PLACES, Setting, Shift, Shifts, compare, ranges

SCORE = "likelihood"
LEVELS = PLACES.clip(0, 1)


def shift(steps: int, by: float, error: float = 0.01, **fields: object) -> Shift:
    """Confidence ``u`` becomes ``u ** by``."""
    return Shift(Setting("euler", steps, **fields), {SCORE: LEVELS**by}, {SCORE: error})  # type: ignore[arg-type]


def test_a_known_shift_is_undone() -> None:
    """Reference confidence ``u`` becomes ``u^2``, with noise on the way: ``P(u^2 <= c)`` is its
    square root, and the corrected confidence of fresh draws is uniform."""
    rng = np.random.default_rng(0)

    def pairs(count: int) -> tuple[np.ndarray, np.ndarray]:
        noise, here = rng.normal(0, 0.02, count), rng.uniform(size=count)
        return np.clip(here + noise, 0, 1) ** 2, here

    there, here = pairs(3000)
    curve, error = compare(there, here)
    assert np.abs(curve - np.sqrt(LEVELS)).max() < 0.03
    assert error < LIMIT
    found = Shifts((Shift(Setting("rk4", 5), {SCORE: curve}, {SCORE: error}),))
    fresh = [found.confidence(c, SCORE, Setting("rk4", 5)) for c in pairs(20_000)[0]]
    distance = np.abs(np.sort(fresh) - np.linspace(0, 1, len(fresh))).max()
    assert distance < error + 0.01
    assert distance < 0.05


def test_pairs_tell_more_than_their_number() -> None:
    """The error is that of the few on different sides: 400 pairs resolve what 400 draws do not."""
    rng = np.random.default_rng(1)
    here = rng.uniform(size=400)
    curve, error = compare(np.clip(here + rng.normal(0, 0.01, 400), 0, 1), here)
    assert error < LIMIT < 1.36 / 400**0.5
    assert np.abs(curve - LEVELS).max() < LIMIT


def test_few_draws_do_not_put_right_what_is_right_enough() -> None:
    """A shift of .03 that 100 pairs cannot resolve is left as it is, and known to be that small."""
    rng = np.random.default_rng(4)
    here = rng.uniform(size=100)
    curve, error = compare(np.clip(here + rng.normal(0, 0.03, 100), 0, 1), here)
    assert np.array_equal(curve, LEVELS)
    assert error < LIMIT


def test_scores_that_no_reference_draw_had_are_put_in_place_too() -> None:
    """Half of them lie beyond an end of the tables."""
    rng = np.random.default_rng(2)
    here = rng.uniform(size=4000)
    curve, error = compare(here + 0.5, here)
    assert error < LIMIT
    shift = Shift(Setting("rk4", 5), {SCORE: curve}, {SCORE: error})
    for place in (0.75, 1.0, 1.25, 1.4):
        found = Shifts((shift,)).confidence(place, SCORE, shift.setting)
        assert found == pytest.approx(place - 0.5, abs=0.03)


def test_what_is_all_alike_cannot_be_told_apart() -> None:
    here = np.random.default_rng(3).uniform(size=2000)
    _, error = compare(np.where(here < 0.3, 0.0, here), here)
    assert error == pytest.approx(0.3, abs=0.03)
    assert compare(np.full(2000, 1e6), here)[1] == 1


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
        Shift(Setting("ab2", tolerance=tolerance), {SCORE: LEVELS}, {SCORE: 0.01})
        for tolerance in (0.1, 0.03)
    )
    assert ranges([loose, tight], SCORE) == ((0.0, 0.1),)
    assert ranges([loose], SCORE) == ((0.1, 0.1),)
    holds = Shifts((tight, loose)).holds
    assert holds.covers(SCORE, LaneSpec(0, 0, "ab2", tolerance=1e-5))
    assert not holds.covers(SCORE, LaneSpec(0, 0, "ab2", tolerance=0.11))


def test_round_trip() -> None:
    shifts = Shifts((shift(20, 1.2), Shift(Setting("heun", 20), {}, {SCORE: 0.0})))
    read = Shifts.read(shifts.tensors(), shifts.metadata())
    assert read is not None
    assert read.holds == shifts.holds
    setting = Setting("euler", 20)
    assert read.confidence(0.3, SCORE, setting) == shifts.confidence(0.3, SCORE, setting)
    falling = {name: curve[::-1] for name, curve in shifts.tensors().items()}
    with pytest.raises(ValueError, match="does not rise"):
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


def test_where_nothing_is_left_of_a_sample_its_setting_is_taken_by_itself() -> None:
    """Places far off, in another order: pairs know less than the distribution there."""
    drawn = np.random.default_rng(0)
    # Tables of few draws: places at their own settings are not quite uniform either.
    here, there = drawn.beta(1.2, 1.0, 2000), drawn.beta(1.0, 3.0, 2000)
    curve, error = compare(there, here)
    fresh = np.interp(drawn.beta(1.0, 3.0, 4000), PLACES, curve)
    apart = np.abs(np.sort(fresh) - (np.arange(4000) + 0.5) / 4000).max()
    assert error < 0.03
    assert apart < error + 1.36 / 4000**0.5
