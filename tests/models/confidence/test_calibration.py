from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureflow.confidence.calibration import Calibration, precision
from sureflow.confidence.measured import Measured, Measurements
from sureflow.confidence.quantile_map import distance
from sureflow.confidence.quantile_table import tabulate
from sureflow.families.flow.setting import named
from sureflow.families.flow.spec import FlowSpec

SCORE = "propagated"


def made(quantiles: dict[str, np.ndarray], scales: tuple[float, ...], score: str) -> Calibration:
    """Of these tables ``[G, classes + 1, LEVELS]``, at 20 Heun steps."""
    references = tuple(named("heun", 20, guidance=scale) for scale in scales)
    rows = quantiles[score].shape[1]
    error = dict.fromkeys(quantiles, 0.0)
    measured = Measurements(tuple(Measured(one, {}, error) for one in references))
    strata = (*map(str, range(rows - 1)), "")
    return Calibration(score, strata, quantiles, {"draws": 400, "seed": 3}, measured)


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
        SCORE: np.stack([rows, 2 * rows]),
        "likelihood": np.stack([-rows[:, ::-1]] * 2),
    }
    return made(tables, (1.0, 2.0), SCORE)


def said(
    of: Calibration, value: float, label: int | None = 0, scale: float = 1.0, score: str = SCORE
) -> float | None:
    return of.confidence(score, value, FlowSpec(0, 0, label=label, guidance=scale))


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
        (0.5, 2, 1.0, None),
    ],
)
def test_confidence_is_the_share_that_is_less_sure(uncertainty, label, guidance, expected) -> None:
    found = said(calibration(), uncertainty, label, guidance)
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-9))


def test_between_two_scales_the_quadratic_law_of_guidance_holds() -> None:
    """Exact for uncertainties ``g^2 a + (1 - g)^2 b`` with ``a`` uniform and ``b = 3a``."""
    scales = (1.0, 1.5, 3.0)
    draws = np.linspace(0, 1, 2001)
    tables = [tabulate((g**2 + 3 * (1 - g) ** 2) * draws)[None] for g in scales]
    fitted = made({SCORE: np.repeat(np.stack(tables), 2, 1)}, scales, SCORE)
    for g in (1.0, 1.2, 1.5, 2.0, 2.9, 3.0):
        found = said(fitted, (g**2 + 3 * (1 - g) ** 2) * 0.3, 0, g)
        assert found == pytest.approx(0.7, abs=1e-6)


@given(st.floats(0, 30), st.floats(0, 30), st.sampled_from([0, 1, None]))
def test_confidence_falls_with_uncertainty(a, b, label) -> None:
    low, high = sorted((a, b))
    surer, doubtful = (said(calibration(), u, label) for u in (low, high))
    assert 0 <= doubtful <= surer <= 1


def test_fresh_draws_are_uniform() -> None:
    """The reference draws' own law: confidence of fresh draws is uniform on [0, 1]."""
    rng = np.random.default_rng(0)
    table = tabulate(rng.gamma(3, size=4000))
    fresh = made({"likelihood": table[None, None]}, (1.0,), "likelihood")
    found = [said(fresh, u, None, score="likelihood") for u in rng.gamma(3, size=2000)]
    assert distance(np.array(found)) < precision(4000) + precision(2000)


def test_the_precision_is_that_of_nineteen_in_twenty_tables() -> None:
    """By Kolmogorov's law, on tables of 300 uniform draws."""
    rng = np.random.default_rng(1)
    off = [distance(rng.uniform(size=300)) for _ in range(400)]
    assert np.mean(np.array(off) <= precision(300)) == pytest.approx(0.95, abs=0.035)


def test_round_trip(tmp_path: Path) -> None:
    written = replace(calibration(), unconditional="likelihood")
    written.save(tmp_path / "c.safetensors")
    read = Calibration.load(tmp_path / "c.safetensors")
    for name, table in written.quantiles.items():
        assert np.array_equal(read.quantiles[name], table)
    assert read.summary() == written.summary()
    assert read.version.startswith("sha256:")
    assert [path.name for path in tmp_path.iterdir()] == ["c.safetensors"]
    summary = {
        "draws": 400,
        "seed": 3,
        "precision": pytest.approx(0.068),
        "score": SCORE,
        "score_unconditional": "likelihood",
        "scores": ["likelihood", SCORE],
        "guidance": [1.0, 2.0],
        "references": [reference.record() for reference in written.references],
        "early": [],
        "early_confidence": {},
        "foretold_from": {},
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
            for name in (SCORE, "likelihood")
        },
    }
    assert read.summary() == summary


def ranks(of: Calibration, value: float, stratum: str) -> float:
    return float(of.ranks(SCORE, np.array([value]), stratum)[0])


def test_beyond_its_table_a_score_still_has_a_rank() -> None:
    of = calibration()
    assert ranks(of, 0.25, "0") == pytest.approx(0.75)
    assert ranks(of, 1.5, "0") == pytest.approx(-0.5)
    assert ranks(of, 5.0, "1") == pytest.approx(1.5)
    assert said(of, 5.0, 1) == 1.0
    of = calibration()
    of.quantiles[SCORE][:, 0] = 3.0
    assert ranks(of, 2.0, "0") == pytest.approx(1e6, rel=1e-5)
    assert ranks(of, 1e300, "0") == pytest.approx(-1e6, rel=1e-5)


def test_what_was_measured_at_other_settings_is_kept_and_used(tmp_path: Path) -> None:
    """Twenty Euler steps make everything look twice as sure as it is."""
    maps = {SCORE: np.array([[0.0, 2.0], [0.0, 1.0]])}
    before = calibration()
    known = before.measured.renewed([Measured(named("euler", 20), maps, {SCORE: 0.01})])
    replace(before, measured=known).save(tmp_path / "c.safetensors")
    read = Calibration.load(tmp_path / "c.safetensors")
    for method, expected in (("euler", 0.375), ("heun", 0.75)):
        spec = FlowSpec(0, 0, method, 20, 0)
        assert read.confidence(SCORE, 0.25, spec) == pytest.approx(expected)
    assert read.confidence(SCORE, -0.5, FlowSpec(0, 0, "euler", 20, 0)) == 0.75
    assert read.calibrated_for(SCORE, FlowSpec(0, 0, "euler", 20, 0))
    assert not read.calibrated_for(SCORE, FlowSpec(0, 0, "euler", 21, 0))


def test_a_score_has_its_own_table() -> None:
    assert said(calibration(), -0.25, score="likelihood") == pytest.approx(0.25)
    assert said(calibration(), 0.25, score="straightness") is None


def test_a_score_that_is_not_a_number_has_no_confidence() -> None:
    assert said(calibration(), float("nan")) is None


def test_strata_without_a_table_have_no_confidence() -> None:
    """A score of the condition has none where there is no condition."""
    of = calibration()
    of.quantiles[SCORE][:, -1] = np.nan
    assert said(of, 0.5, None) is None
    assert said(of, 0.5) == pytest.approx(0.5)


def test_a_file_that_lacks_a_tensor_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"guidance": np.ones(1)}, tmp_path / "c.safetensors")
    with pytest.raises(ValueError, match="quantiles"):
        Calibration.load(tmp_path / "c.safetensors")


def test_a_file_must_say_of_which_settings_its_tables_are(tmp_path: Path) -> None:
    lacking = replace(calibration(), measured=Measurements(calibration().measured.of[:1]))
    lacking.save(tmp_path / "c.safetensors")
    with pytest.raises(ValueError, match="shifts: does not begin with the 2 settings"):
        Calibration.load(tmp_path / "c.safetensors")
