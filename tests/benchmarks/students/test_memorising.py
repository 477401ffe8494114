"""The figures of the benchmark of students against what is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.students.memorising import energy
from benchmarks.students.page import write
from sureflow.evaluation.memorisation import Memorisation
from sureflow.training_index import Neighbour


def test_energy_distance_is_that_of_two_points() -> None:
    one = np.zeros((5, 1), np.float32)
    other = np.array([[-1.0], [1.0]] * 3, np.float32)
    # 2 E|x - y| = 2, E|x - x'| = 0, and E|y - y'| = 2 * 3 / 5.
    assert energy(one, other) == pytest.approx(2 - 1.2)


def test_energy_distance_of_one_law_is_none_on_average() -> None:
    draw = np.random.default_rng(0)
    found = [energy(*draw.standard_normal((2, 40, 3)).astype(np.float32)) for _ in range(200)]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(len(found))


def test_copies_are_those_below_a_third() -> None:
    found = Memorisation.of([Neighbour(0.1, 4, 1.0), Neighbour(0.3, 4, 1.0), Neighbour(0.9, 2, 1)])
    assert found.copied == pytest.approx(2 / 3)
    assert (found.median, found.neighbours) == (0.3, 1)


def test_parts_that_were_not_measured_are_left_out(tmp_path: Path) -> None:
    write({}, tmp_path)
    page = (tmp_path / "students.md").read_text()
    assert page.startswith("# Students")
    assert "##" not in page
