"""The comparison of cells, on populations that are made up, and its page."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from benchmarks.discrete import cells, cells_page
from benchmarks.discrete.baselines import negative_binomials
from benchmarks.discrete.means import add_mean
from benchmarks.report import Report
from sureflow.core.arrays import Integers
from sureflow.core.lane import Sample

MEANS = np.array([[9.0, 3.0, 1.0, 4.0], [2.0, 8.0, 5.0, 1.0]])


def population(labels: Integers, seed: int) -> Integers:
    return np.random.default_rng(seed).poisson(MEANS[labels]).astype(np.int64)


@pytest.fixture
def data() -> cells.Cells:
    labels, held = np.arange(80) % 2, np.arange(40) // 20
    return cells.Cells(population(labels, 0), labels, population(held, 1), held, ("T", "B"))


def samples(labels: Integers, seed: int) -> list[Sample]:
    """Samples of which the first are the surest."""
    made: list[Any] = [
        SimpleNamespace(data=counts, uncertainty=float(number), scores={"doubt": float(number)})
        for number, counts in enumerate(population(labels, seed))
    ]
    return cast(list[Sample], made)


def test_the_surest_half_is_that_of_every_label() -> None:
    labels = np.array([0, 0, 1, 1, 1, 1])
    assert cells.surest(samples(labels, 0), labels) == [0, 2, 3]


def test_cells_of_training_have_the_labels_held_out(data: cells.Cells) -> None:
    found = cells.matched(data, 3)
    for label in (0, 1):
        own = {tuple(row) for row in data.counts[data.labels == label]}
        assert {tuple(row) for row in found[data.held_labels == label]} <= own


def test_a_mean_has_the_interval_of_student() -> None:
    report = Report("")
    add_mean(report, "one", [3.0])
    add_mean(report, "three", [1.0, 2.0, 3.0])
    assert report.figures == {
        "one": 3,
        "three": 2,
        "three, +-": pytest.approx(4.3027 / 3**0.5, rel=1e-4),
    }


def test_the_page_has_every_figure(
    data: cells.Cells, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def flow(counts: Integers, labels: Integers, wanted: Integers, seed: int, _: int) -> Integers:
        return negative_binomials(counts, labels, wanted, seed)

    def draws(model: object, labels: Integers, seed: int, **fields: Any) -> list[Sample]:
        return samples(labels, seed)

    monkeypatch.setattr(cells, "gaussian_flow", flow)
    monkeypatch.setattr(cells, "draws", draws)
    model = SimpleNamespace(score="doubt", card=SimpleNamespace(classes=data.names))
    monkeypatch.setattr(cells, "load", lambda name: model)
    monkeypatch.setattr(cells, "read", lambda folder, names: data)
    report = Report("discrete-cells")
    cells._cells(report, Namespace(model="", data="", quick=False, seeds=[5, 6]))
    for name in ("training pairs", "bridge:15"):
        add_mean(report, f"toy: Wasserstein-2, {name}", [2.5, 2.25])
        add_mean(report, f"toy: MMD, {name}", [0.0, 0.01])
    report.add("toy: seeds", 2)
    cells_page.write(report.figures, tmp_path / "cells.md")
    page = (tmp_path / "cells.md").read_text()
    assert "{" not in page
    assert "| `doubt` |" in page
    assert "| B |" in page
    assert "| bridge:15 | 2.375 ± 1.588 | 0.005 ± 0.064 |" in page
    assert "| `tau:20` |" in page
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert len(rows) > 25
