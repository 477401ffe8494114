from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureflow.confidence.calibration import Calibration, tabulate
from sureflow.confidence.curve import Curve
from sureflow.confidence.shift import Setting, Shift, Shifts
from sureflow.families.flow.spec import FlowSpec


def calibration() -> Calibration:
    """Two scales; class 0 spans 0 .. 1, class 1 spans 10 .. 20, at scale 2 all doubles."""
    rows = np.stack(
        [
            tabulate(np.linspace(0, 1, 1001)),
            tabulate(np.linspace(10, 20, 1001)),
            tabulate(np.linspace(0, 20, 1001)),
        ]
    )
    tables = {
        "propagated": np.stack([rows, 2 * rows]),
        "likelihood": np.stack([-rows[:, ::-1]] * 2),
    }
    return Calibration("propagated", np.array([1.0, 2.0]), tables, {"steps": 20})


@pytest.mark.parametrize(
    ("uncertainty", "label", "guidance", "expected"),
    [
        (0.25, 0, 1.0, 0.75),
        (0.25, 1, 1.0, 1.0),
        (12.0, 1, 1.0, 0.8),
        (5.0, None, 1.0, 0.75),
        (0.5, 0, 2.0, 0.75),
        (1e9, 0, 1.0, 0.0),
        (0.5, 0, 2.1, None),
        (0.5, 0, 0.9, None),
    ],
)
def test_confidence_is_the_share_that_is_less_sure(uncertainty, label, guidance, expected) -> None:
    said = calibration().confidence("propagated", uncertainty, label, guidance)
    assert said == (None if expected is None else pytest.approx(expected, abs=1e-9))


def test_between_two_scales_the_quadratic_law_of_guidance_holds() -> None:
    """Exact for uncertainties ``g^2 a + (1 - g)^2 b`` with ``a`` uniform and ``b = 3a``."""
    scales = np.array([1.0, 1.5, 3.0])
    draws = np.linspace(0, 1, 2001)
    tables = [tabulate((g**2 + 3 * (1 - g) ** 2) * draws)[None] for g in scales]
    fitted = Calibration("propagated", scales, {"propagated": np.stack(tables)}, {})
    for g in (1.0, 1.2, 1.5, 2.0, 2.9, 3.0):
        said = fitted.confidence("propagated", (g**2 + 3 * (1 - g) ** 2) * 0.3, None, g)
        assert said == pytest.approx(0.7, abs=1e-6)


@given(st.floats(0, 30), st.floats(0, 30), st.sampled_from([0, 1, None]))
def test_confidence_falls_with_uncertainty(a, b, label) -> None:
    low, high = sorted((a, b))
    surer, doubtful = (calibration().confidence("propagated", u, label, 1.0) for u in (low, high))
    assert 0 <= doubtful <= surer <= 1


def test_fresh_draws_are_uniform() -> None:
    """The reference draws' own law: confidence of fresh draws is uniform on [0, 1]."""
    rng = np.random.default_rng(0)
    table = tabulate(rng.gamma(3, size=4000))
    fresh = Calibration("likelihood", np.array([1.0]), {"likelihood": table[None, None]}, {})
    said = sorted(fresh.confidence("likelihood", u, None, 1.0) for u in rng.gamma(3, size=2000))
    assert np.abs(np.array(said) - np.linspace(0, 1, 2000)).max() < 0.05


def test_round_trip(tmp_path: Path) -> None:
    calibration().save(tmp_path / "c.safetensors")
    read = Calibration.load(tmp_path / "c.safetensors")
    for name, table in calibration().quantiles.items():
        assert np.array_equal(read.quantiles[name], table)
    assert read.summary() == {
        "score": "propagated",
        "scores": ["likelihood", "propagated"],
        "guidance": [1.0, 2.0],
        "early": [],
        "steps": 20,
        "holds": {
            name: [
                {
                    "method": "heun",
                    "guidance": scale,
                    "grid": "uniform",
                    "steps": ((20, 20),),
                    "tolerance": (),
                }
                for scale in (1.0, 2.0)
            ]
            for name in ("likelihood", "propagated")
        },
    }


def test_beyond_its_table_a_score_still_has_a_place() -> None:
    made = calibration()
    assert made.place("propagated", 0.25, 0, 1.0) == pytest.approx(0.75)
    assert made.place("propagated", 1.5, 0, 1.0) == pytest.approx(-0.5)
    assert made.place("propagated", 5.0, 1, 1.0) == pytest.approx(1.5)
    assert made.confidence("propagated", 5.0, 1, 1.0) == 1.0
    made.quantiles["propagated"][:, 0] = 3.0
    assert made.place("propagated", 2.0, 0, 1.0) == pytest.approx(1e6, rel=1e-5)
    assert made.place("propagated", 1e300, 0, 1.0) == pytest.approx(-1e6, rel=1e-5)


def test_what_was_measured_at_other_settings_is_kept_and_used(tmp_path: Path) -> None:
    """Twenty Euler steps make everything look twice as sure as it is."""
    setting = Setting("euler", 20)
    curves = {"propagated": Curve(np.array([0.0, 2.0]), np.array([0.0, 1.0]))}
    other = Shifts((Shift(setting, curves, {"propagated": 0.01}),))
    replace(calibration(), other=other).save(tmp_path / "c.safetensors")
    read = Calibration.load(tmp_path / "c.safetensors")
    for method, expected in (("euler", 0.375), ("heun", 0.75)):
        spec = FlowSpec(0, 0, method, 20, 0)
        assert read.confidence_of("propagated", 0.25, spec) == pytest.approx(expected)
    assert read.confidence_of("propagated", -0.5, FlowSpec(0, 0, "euler", 20, 0)) == 0.75
    assert read.shifts.holds.covers("propagated", FlowSpec(0, 0, "euler", 20, 0))


def test_a_score_has_its_own_table() -> None:
    assert calibration().confidence("likelihood", -0.25, 0, 1.0) == pytest.approx(0.25)
    assert calibration().confidence("straightness", 0.25, 0, 1.0) is None


def test_a_score_that_is_not_a_number_has_no_confidence() -> None:
    assert calibration().confidence("propagated", float("nan"), 0, 1.0) is None


def test_rows_without_a_table_have_no_confidence() -> None:
    """A score of the condition has none where there is no condition."""
    made = calibration()
    made.quantiles["propagated"][:, -1] = np.nan
    assert made.confidence("propagated", 0.5, None, 1.0) is None
    assert made.confidence("propagated", 0.5, 0, 1.0) == pytest.approx(0.5)


def test_a_file_that_lacks_a_tensor_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"guidance": np.ones(1)}, tmp_path / "c.safetensors")
    with pytest.raises(ValueError, match="quantiles"):
        Calibration.load(tmp_path / "c.safetensors")
