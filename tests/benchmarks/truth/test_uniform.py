"""What the page says about confidence as a share, and about certificates."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks.report import Report
from benchmarks.truth import images, pictures, uniform
from sureflow.confidence.certificate import Conformal
from sureflow.core.lane import Sample
from tests.server.samples import finished


@pytest.mark.slow
def test_ring_is_uniform_by_the_tables_that_ship(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own score at every setting of the table, within what so few can tell.

    With nothing measured at 20 steps of Euler it would be off by 0.06 there.
    """
    monkeypatch.setattr(uniform, "MODELS", {"ring": 800})
    report = Report("truth")
    uniform.measure(report, quick=False)
    for method, steps in uniform.SETTINGS:
        assert report.figures[f"uniform, ring, {method} {steps}: likelihood"] < 0.05
    lines = uniform.fragment(report.figures).splitlines()
    assert any(line.startswith("| ring | likelihood |") for line in lines)


def judged(confidence: list[float]) -> images.Judged:
    samples: list[Sample] = [finished(i, value) for i, value in enumerate(confidence)]
    return images.Judged(samples, torch.zeros(len(samples), dtype=torch.long), {})


def test_certificates_are_held_against_fresh_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of four samples pass at the threshold for 2 %; 1 % cannot be certified."""
    table = Conformal(np.array([0.9, 0.5]), np.array([0.015, 0.02]), {})
    holder = SimpleNamespace(calibration=SimpleNamespace(conformal=table))
    monkeypatch.setattr(images, "load", lambda name: holder)
    report = Report("truth")
    bad = torch.tensor([True, False, False, True])
    images._certified(report, "digits", judged([0.0, 0.6, 0.4, 0.5]), bad)
    shown = images.certificates(report.figures, "digits").splitlines()
    assert "| 2 % | 0.50 | 50 % | 50 % |" in shown
    assert "| 1 % | cannot be certified |  |  |" in shown
    assert images.certificates({}, "digits") == ""


def test_the_reliability_diagram_is_drawn(tmp_path) -> None:  # type: ignore[no-untyped-def]
    confidence = torch.linspace(0, 1, 200)
    pictures.reliability(confidence, confidence < 0.1, tmp_path, "digits", "adherence")
    assert (tmp_path / "truth-digits-reliability.png").stat().st_size > 5000
