"""Figures of an earlier run stay where they are not measured anew."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.foreign import table
from benchmarks.report import Report


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Report:
    """Of two models, of which the package of one is not installed any more."""
    here = SimpleNamespace(title="Here", missing="", modules=())
    gone = SimpleNamespace(title="Gone", missing="its_package", modules=())
    new = SimpleNamespace(title="New", missing="its_package", modules=())
    monkeypatch.setattr(table, "PEERS", {"here": here, "gone": gone, "new": new})

    def one(report: Report, name: str, quick: bool, work: Path, timed: bool) -> None:
        report.add(f"{name}: difference", 2.0)
        if timed:
            report.add(f"{name}: step", 2.0)

    monkeypatch.setattr(table, "_one", one)
    figures: dict[str, Any] = {"here: difference": 1.0, "here: step": 1.0, "here: old": 1.0}
    return Report("foreign", figures | {"gone: difference": 1.0, "gone: step": 1.0})


@pytest.mark.parametrize("timed", [True, False])
def test_what_is_not_measured_stays(report: Report, timed: bool, tmp_path: Path) -> None:
    table.measure(report, True, tmp_path, [], timed)
    assert report.figures == {
        "here: model": "Here",
        "here: difference": 2.0,
        "here: step": 2.0 if timed else 1.0,
        "gone: difference": 1.0,
        "gone: step": 1.0,
        "new: model": "New",
        "new: missing": "its_package",
    }


def test_only_the_models_that_are_named_are_measured(report: Report, tmp_path: Path) -> None:
    before = dict(report.figures)
    table.measure(report, True, tmp_path, ["gone"], True)
    assert report.figures == before
