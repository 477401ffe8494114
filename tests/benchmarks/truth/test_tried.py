"""Variants of scores on paths that are known."""

from __future__ import annotations

import pytest
import torch

from benchmarks.report import Report
from benchmarks.truth import tried

COUNT = 40


def traces() -> tried.Traces:
    """Straight paths along the first axis; without the condition they go along the second one."""
    ways = torch.arange(1, COUNT + 1).float()
    noise = torch.zeros(COUNT, 2)
    end = torch.stack([ways, torch.zeros(COUNT)], 1)
    null = torch.stack([torch.zeros(COUNT), ways], 1)
    return tried.Traces(
        torch.arange(COUNT) % 2,
        noise,
        end,
        end[:, None].expand(-1, tried.STEPS, -1).half(),
        torch.ones(COUNT, tried.STEPS),
        null[:, None].expand(-1, len(tried.ASKED), -1).half(),
    )


def test_variants_of_straight_paths() -> None:
    """The target is half of ``way sqrt 2`` from the plane midway, and exactly on its own side."""
    found = tried.variants(traces())
    ways = torch.arange(1, COUNT + 1).double()
    assert float(found["straightness"].abs().max()) == 0
    assert torch.allclose(found["adherence at 0.15"], -ways * 2**0.5 / 2, rtol=1e-3)
    assert torch.allclose(found["its cosine at 0.1"], torch.tensor(-1.0).double(), rtol=1e-3)
    assert torch.allclose(found["adherence at .1 + .2"], 2 * found["adherence at 0.1"])
    assert float(found["cosine at 0.15 less that at 0.5"].abs().max()) < 1e-3


def test_halves_are_reported_apart() -> None:
    """All bad samples of the one half are the least sure, and those of the other the surest."""
    report = Report("truth")
    bad = torch.zeros(COUNT, dtype=torch.bool)
    bad[0], bad[-1] = True, True
    tried.add(report, traces(), bad)
    assert report.figures["tried, adherence at 0.1: AUROC, chosen"] == 1
    assert report.figures["tried, adherence at 0.1: AUROC, reported"] == pytest.approx(0)
    assert "| adherence at 0.1 | 1.000 | 0.000 |" in tried.fragment(report.figures)
