"""The page has every figure that the command reports."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.crystals import confidence, laboratory, page, reality
from benchmarks.crystals.pipeline import Bill
from benchmarks.report import Report
from tests.benchmarks.crystals.test_table import made_up


def test_no_cell_of_the_page_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = made_up(0.7)
    nothing = np.random.default_rng(1).random(len(made.atoms))
    scores = dict.fromkeys(confidence.SCORES, nothing) | {confidence.SCORES[0]: made.scores["own"]}
    judged = replace(made, scores=scores, above_hull=made.raw["chgnet"])
    monkeypatch.setattr(confidence, "_judged", lambda *asked: judged)
    report = Report("crystals")
    confidence.measure(report, True, tmp_path, None)
    report.figures |= {"laboratory: compositions": 2, "laboratory: wanted of each": 4}
    report.figures["laboratory: ordered"] = "MgF2 SrTiO3"
    for name in laboratory.STAGES:
        report.figures |= {
            f"laboratory, {name}: {field}": value
            for field, value in asdict(Bill(8, 16, 832, 8, 95)).items()
        }
        report.figures[f"laboratory, {name}: complete"] = 2
    report.figures |= {
        "reality: compounds read": 300,
        "reality: compounds of served sizes and elements": 60,
        "reality: of these, compositions of the data set": 40,
        "reality: of these, match a polymorph of the data set": 30,
        "reality, composition trained: real crystals": 50,
        "reality, composition trained: among 8 draws": "0.9 [0.8, 1]",
        "reality, composition trained: among the surest 2": "0.6 [0.5, 0.7]",
    }
    for score in reality.SCORES:
        report.figures[f"reality, moved: AUROC of {score}"] = 0.9
        report.figures[f"reality, moved: surer of the real one by {score}"] = 0.95
    page.write(report.figures, tmp_path)
    text = (tmp_path / page.PAGE).read_text()
    assert "–" not in text
    assert "None" not in text
    assert "{" not in text
    for expected in (
        "| renoised_nll |",
        "| one CHGNet energy |",
        "| 95 |",
        "| n = 5 |",
        "seed 2",
        "| 50 | 0.9 [",
    ):
        assert expected in text
    assert str(report.figures["n >= 3: AUROC, raw <= 0.1, renoised_nll"]) in text
