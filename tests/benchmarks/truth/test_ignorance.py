"""Classes left out of a training: which they are, and whether the score finds them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.report import Report
from benchmarks.truth import ignorance
from benchmarks.truth.measures import auroc
from benchmarks.truth.unseen import Unseen
from sureflow.evaluation.evaluate import draw_balanced

CASE = Unseen("ring", 2, (3, 6))


def test_classes_left_out_are_in_no_training_sample() -> None:
    known = CASE.known
    assert {*known.labels.tolist()} == {0, 1, 2, 4, 5, 7}
    assert known.names == tuple("01234567")
    samples, unknown = CASE.fresh(800)
    assert int(unknown.sum()) == 200
    # Those that are unknown lie at the two modes that were left out.
    apart = torch.cdist(samples[unknown], known.samples).amin(1)
    assert apart.min() > 0.5


def test_a_fragment_has_a_row_for_every_score() -> None:
    report = Report("truth")
    bad = torch.arange(40) < 10
    found = {"ignorance": torch.arange(40.0), "other": -torch.arange(40.0)}
    ignorance._add(report, f"ignorance, {CASE.title}", found, bad)
    report.add("ignorance, cost of ring", 1.0312)
    page = ignorance.fragment(report.figures)
    assert "| score | ring without 3 and 6 |" in page
    assert "| ignorance | 0.000 [0.000, 0.000] |" in page
    assert "| other | 1.000 [1.000, 1.000] |" in page
    assert "An evaluation of `ring` with the reading takes 1.031 of one without." in page


@pytest.mark.slow
def test_modes_that_were_left_out_are_found(tmp_path: Path) -> None:
    model = CASE.model(tmp_path, quick=False)
    samples = draw_balanced(model, 400, 1, scores=("ignorance",), quiet=True)
    bad = torch.tensor([sample.spec.label in CASE.held for sample in samples])
    read = torch.tensor([sample.scores["ignorance"] for sample in samples])
    assert auroc(read, bad) > 0.95
