"""Which confidence holds where, by maps and checks that are known."""

from __future__ import annotations

import json
from math import inf

import numpy as np
import pytest

from sureflow.confidence.measured import Measured, Measurements, between, ranges
from sureflow.confidence.ranges import calibrated_for, in_words
from sureflow.core.setting import Setting
from sureflow.families.flow.setting import named

SCORE = "likelihood"
LEVELS = np.linspace(0, 1, 65)


def at(steps: int, by: float = 1.0, error: float = 0.01, method: str = "euler") -> Measured:
    """Confidence ``u`` becomes ``u ** by``."""
    maps = {SCORE: np.stack([LEVELS, LEVELS**by])}
    return Measured(named(method, steps), maps, {SCORE: error})


def check(steps: int, coarse: float, fine: float = inf, error: float = 0.01) -> Measured:
    return Measured(named("euler", steps), {}, {SCORE: error}, (coarse, fine))


def test_between_settings_confidence_is_interpolated_and_beyond_them_the_nearest_holds() -> None:
    known = Measurements((at(20, 1.2), at(80, 1.4), Measured(named("heun", 20), {}, {SCORE: 0.0})))

    def said(setting: Setting, rank: float = 0.5, score: str = SCORE) -> float:
        return float(known.confidence(rank, score, "", setting))

    for steps, expected in ((5, 0.5**1.2), (20, 0.5**1.2), (300, 0.5**1.4)):
        assert said(named("euler", steps)) == pytest.approx(expected)
    assert said(named("euler", 40)) == pytest.approx((0.5**1.2 + 0.5**1.4) / 2)
    for setting in (named("heun", 20), named("rk4", 20), named("euler", 20, guidance=2.0)):
        assert said(setting, 0.3) == 0.3
    assert said(named("euler", 20), 0.3, "straightness") == 0.3
    assert said(named("rk4", 20), 1.7) == 1


def test_strata_may_have_maps_of_their_own() -> None:
    maps = {SCORE: at(9, 2.0).maps[SCORE], f"{SCORE}/3": at(9, 3.0).maps[SCORE]}
    known = Measurements((Measured(named("euler", 9), maps, {SCORE: 0.0}),))
    for stratum, power in (("3", 3.0), ("4", 2.0), ("", 2.0)):
        found = known.confidence(0.5, SCORE, stratum, named("euler", 9))
        assert float(found) == pytest.approx(0.5**power)


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ([at(10), at(20)], ((10, 10), (20, 20))),
        ([at(10), at(20), check(13, 10, 20)], ((10, 20),)),
        ([at(10), at(20), check(13, 10, 20, 0.06)], ((10, 10), (20, 20))),
        ([at(10), at(20), check(13, 10, 20), check(17, 10, 20, 0.06)], ((10, 10), (20, 20))),
        ([at(10), at(20), check(13, 10, 20), check(47, 20)], ((10, None),)),
        ([at(10), at(20), check(47, 20)], ((10, 10), (20, None))),
        ([at(10), at(20), check(47, 20, error=0.06)], ((10, 10), (20, 20))),
        ([at(10, error=0.06), at(20), check(13, 10, 20)], ((20, 20),)),
        ([at(10), at(20, error=0.2), at(40), check(13, 10, 20), check(29, 20, 40)],
         ((10, 10), (40, 40))),
        ([at(10), at(13), at(20), check(13, 10, 20)], ((10, 20),)),
        ([at(10), at(13), at(20), check(14, 13, 20)], ((10, 10), (13, 20))),
        ([at(10), at(11)], ((10, 11),)),
        ([at(10, error=0.2)], ()),
    ],
    ids=[
        "nothing was tried between them", "tried", "failed", "failed elsewhere", "and beyond",
        "beyond alone", "beyond failed", "a coarse one that is off", "a gap",
        "measured inside of what was tried", "tried on one side", "nothing is between them", "none",
    ],
)  # fmt: skip
def test_ranges(of: list[Measured], expected: object) -> None:
    line = [each for each in of if each.between is None]
    assert ranges(line, [each for each in of if each.between], SCORE) == expected


def test_ranges_of_tolerances_end_at_the_tightest() -> None:
    loose, tight = (
        Measured(named("ab2", None, tolerance), {}, {SCORE: 0.01}) for tolerance in (0.1, 0.03)
    )
    tried = Measured(named("ab2", None, 0.055), {}, {SCORE: 0.01}, (10.0, 1 / 0.03))
    beyond = Measured(named("ab2", None, 0.0125), {}, {SCORE: 0.01}, (1 / 0.03, inf))
    assert ranges([loose, tight], [tried], SCORE) == ((0.03, 0.1),)
    assert ranges([loose, tight], [tried, beyond], SCORE) == ((0.0, 0.1),)
    assert ranges([loose], [], SCORE) == ((0.1, 0.1),)
    known = Measurements((tight, loose, tried, beyond)).ranges
    assert calibrated_for(known, SCORE, named("ab2", None, 1e-5))
    assert not calibrated_for(known, SCORE, named("ab2", None, 0.11))


@pytest.mark.parametrize(
    ("coarse", "fine", "expected"),
    [
        (5, 10, 7), (10, 20, 13), (20, 40, 29), (20, 50, 31), (40, 80, 59), (1, 2, None),
        (8, 10, 9), (10, 11, None), (20, None, 47), (1, None, 2), (1000, None, 2399),
    ],
)  # fmt: skip
def test_checks_are_at_awkward_numbers_of_steps(
    coarse: int, fine: int | None, expected: int | None
) -> None:
    found = between(named("heun", coarse), None if fine is None else named("heun", fine))
    assert found == (None if expected is None else named("heun", expected))


def test_checks_of_tolerances_are_at_their_geometric_mean() -> None:
    found = between(named("ab2", None, 0.1), named("ab2", None, 0.001))
    assert found is not None
    assert found.value == pytest.approx(0.01)
    finer = between(named("ab2", None, 0.01), None)
    assert finer is not None
    assert 0.002 < finer.value < 0.006


def test_what_has_been_tried_is_not_tried_again() -> None:
    known = Measurements((at(10), at(20), at(40), check(13, 10, 20)))
    found = known.untried([named("euler", 20)])
    assert found == [(named("euler", 29), (20, 40))]
    assert known.untried([named("euler", 40)]) == [*found, (named("euler", 97), (40, inf))]
    assert known.untried([named("euler", 10)]) == []


def test_round_trip() -> None:
    known = Measurements(
        (
            at(20, 1.2),
            Measured(named("heun", 20), {}, {SCORE: 0.0}),
            check(47, 20),
            check(13, 9, 20),
        )
    )
    read = Measurements.read(known.tensors(), json.dumps(known.notes()))
    assert read.ranges == known.ranges
    assert [each.between for each in read.of] == [None, None, (20, inf), (9, 20)]
    setting = named("euler", 20)
    for each in (0.3, 0.8):
        assert read.confidence(each, SCORE, "", setting) == known.confidence(
            each, SCORE, "", setting
        )
    falling = {name: np.stack([c[0], c[1, ::-1]]) for name, c in known.tensors().items()}
    with pytest.raises(ValueError, match="shifts/0/likelihood does not rise"):
        Measurements.read(falling, json.dumps(known.notes()))
    with pytest.raises(ValueError, match="settings and errors"):
        Measurements.read({}, '[{"setting": {"speed": [3]}, "error": {}}]')
    with pytest.raises(ValueError, match="should have steps"):
        Measurements.read({}, '[{"setting": {"speed": 3}, "error": {}}]')
    with pytest.raises(ValueError, match="settings and errors"):
        Measurements.read({}, "")


def test_settings_may_tell_of_different_scores() -> None:
    """Guided lanes have no likelihood, though the reference draws' tables name it."""
    both = Measured(named("euler", 10), {}, {SCORE: 0.0, "straightness": 0.0})
    one = Measured(named("euler", 20), {}, {"straightness": 0.01})
    known = Measurements((both, one))
    assert in_words(known.ranges, SCORE, named("rk4", 1)).endswith("euler: 10 steps")
    assert in_words(known.ranges, "straightness", named("rk4", 1)).endswith("10 steps or 20 steps")
    assert known.confidence(0.3, SCORE, "", named("euler", 20)) == 0.3


def test_what_is_measured_anew_counts_for_its_scores_alone() -> None:
    first = Measured(
        named("euler", 10),
        {SCORE: at(1, 2.0).maps[SCORE], "straightness/1": at(1, 3.0).maps[SCORE]},
        {SCORE: 0.3, "straightness": 0.02},
    )
    again = Measurements((first,)).renewed([at(10, 1.5, 0.04), check(10, 5, 20)])
    assert [each.between for each in again.of] == [None, (5, 20)]
    assert again.of[0].error == {SCORE: 0.04, "straightness": 0.02}
    assert float(again.confidence(0.5, SCORE, "", named("euler", 10))) == pytest.approx(0.5**1.5)
    kept = again.confidence(0.5, "straightness", "1", named("euler", 10))
    assert float(kept) == pytest.approx(0.5**3)
