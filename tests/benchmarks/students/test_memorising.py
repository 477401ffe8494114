"""The figures of the benchmark of students against what is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.students.memorising import correlation, energy
from benchmarks.students.memory import memory_of
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


def test_samples_that_differ_in_scale_alone_correlate() -> None:
    one = np.random.default_rng(0).standard_normal((3, 20)).astype(np.float32)
    other = np.concatenate([2 * one + 1, -one])
    found = correlation(one, other)
    assert np.allclose(np.diag(found[:, :3]), 1)
    assert np.allclose(np.diag(found[:, 3:]), -1)
    assert np.abs(found[0, [1, 2, 4, 5]]).max() < 0.9


def test_a_network_learns_few_samples_by_heart() -> None:
    samples = 2 * np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    network = memory_of(samples, 300, seed=0)
    x1 = torch.from_numpy(samples)
    x0 = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    x = (x1 + x0) / 2
    with torch.no_grad():
        end = x + network(x, torch.full((3,), 0.5)) / 2
    assert (end - x1).norm(dim=1).max() < 0.3
    assert (x - x1).norm(dim=1).min() > 0.3


def test_copies_are_those_below_a_third() -> None:
    found = Memorisation.of([Neighbour(0.1, 4, 1.0), Neighbour(0.3, 4, 1.0), Neighbour(0.9, 2, 1)])
    assert found.copied == pytest.approx(2 / 3)
    assert (found.median, found.neighbours) == (0.3, 1)


def test_parts_that_were_not_measured_are_left_out(tmp_path: Path) -> None:
    write({}, tmp_path)
    page = (tmp_path / "students.md").read_text()
    assert page.startswith("# Students")
    assert "##" not in page
