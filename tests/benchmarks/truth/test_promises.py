"""Promises that are kept, and one that is not, are told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.report import Report
from benchmarks.truth import promises
from benchmarks.truth.promises import BASE, SLOPE, Judged


def test_the_population_that_is_known_has_these_rates() -> None:
    drawn = promises._known(np.random.default_rng(0), 400_000)
    for stratum, level in ((None, 0.0), ("3", 0.5), ("1", 0.9)):
        expected = promises._true(stratum, level)
        assert drawn.rate(stratum, level) == pytest.approx(expected, abs=0.005)
    assert promises._true("0", 1.0) == BASE[0]
    assert promises._true(None, 0.0) == pytest.approx((BASE + SLOPE / 2).mean())


@pytest.mark.parametrize(("worse", "broken"), [(1.0, False), (3.0, True)])
def test_a_population_that_is_worse_than_the_judged_one_is_noticed(
    worse: float, broken: bool
) -> None:
    counts = promises._Counts("known")
    rng = np.random.default_rng(1)
    made = promises._known(rng, 2000).certificate()

    def true(stratum: str | None, level: float) -> float:
        return worse * promises._true(stratum, level)

    counts.add(made, true, true)
    found = [row for rows in counts.rows.values() for row in rows]
    assert found
    assert any(each[1] for each in found) == broken


def test_the_figures_make_a_section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    confidence = rng.random(600)
    pool = Judged(confidence, rng.random(600) < 0.1 * (1 - confidence), [""] * 600)
    monkeypatch.setattr(promises, "_drawn", lambda *_: pool)
    report = Report("truth")
    promises.measure(report, True, tmp_path)
    shown = promises.fragment(report.figures)
    assert "| ring | any_good 0.99 |" in shown
    assert "| all | 0.5 % | 5,000 | 460 | 9.2 % | 9 |" in shown
    assert "| each of ten classes | 2 % | 2,000 | 228 | too few | not certified |" in shown
    title = "promises, known, max_bad_rate 0.2: broken"
    assert report.figures[title] <= 20
