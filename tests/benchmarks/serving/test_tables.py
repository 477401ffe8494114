from __future__ import annotations

import pytest

from benchmarks.serving.figures import Figures, Outcome, Rows, figures
from benchmarks.serving.tables import claims, page


def test_goodput_beside_a_neighbour_is_held_against_that_alone() -> None:
    def point(good: int) -> Figures:
        bad = [Outcome("interactive", 1, 1.0, 429, 0.1)] * (10 - good)
        done = [Outcome("interactive", 1, 1.0, 200, 0.5, correct=True)] * good
        return figures(0.8, done + bad, 10.0, Rows(1, 1), 0.0)

    found = claims({("sureflow", 0.8): point(10), ("sureflow, neighbour", 0.8): point(9)})
    assert found == {"at 0.8: sureflow, goodput beside a neighbour / alone": pytest.approx(0.9)}


def test_a_run_with_neighbours_has_a_page_of_its_own() -> None:
    assert page({"mix": "few", "neighbour": 0}) == "serving"
    assert page({"mix": "few", "neighbour": 1}) == "serving-neighbour"
    assert page({"mix": "bulk", "neighbour": 1}) == "serving-bulk-neighbour"
