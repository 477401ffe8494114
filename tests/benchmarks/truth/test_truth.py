import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.truth import ending, mixtures, off_support, scores
from benchmarks.truth.measures import auroc, removed
from benchmarks.truth.path import solve, starts
from sureflow.checkpoint import load
from sureflow.folders import embedded_folder
from sureflow.networks import GaussianMixture


@pytest.mark.parametrize("dimension", mixtures.DIMENSIONS)
def test_the_score_ranks_like_the_truth(dimension: int) -> None:
    learned, exact = mixtures.networks(dimension)
    path = solve(learned, starts(learned, 1, 300))
    assert mixtures.rank(path, exact)[mixtures.SPEARMAN] > 0.97
    figures = mixtures.likelihood(path, learned, exact, 20)
    assert abs(figures["propagated / exact density, of means, % off"]) < 10
    assert abs(figures["propagated / learned flow, of means, % off"]) < 10


@pytest.mark.parametrize("dimension", mixtures.DIMENSIONS)
def test_the_variance_covers(dimension: int) -> None:
    """With so few rows the mean square is off by 0.03 at most, and a share by 0.005."""
    for _, figures in mixtures.coverage(*mixtures.networks(dimension), 24_000 // dimension):
        assert abs(figures["mean squared residual"] - 1) < 0.05
        for level in mixtures.NOMINAL:
            name = f"share within {level:.0%}"
            assert abs(figures[name] - figures[f"{name}, exact network"]) < 0.02


def test_the_likelihood_removes_what_lies_between_modes() -> None:
    learned, exact = load("ring").network, load("ring-exact").network
    assert isinstance(exact, GaussianMixture)
    path = solve(learned, starts(learned, 2, 2000))
    bad = off_support.off_support(path.end, exact, 100_000)
    assert 10 < int(bad.sum()) < 150
    assert removed(scores.surprise(path), bad) > 0.95
    assert auroc(scores.surprise(path), bad) > 0.99


def test_networks_of_benchmarks_are_not_served() -> None:
    served = {folder.name for folder in embedded_folder().iterdir()}
    assert not {f"mixture-{dimension}" for dimension in mixtures.DIMENSIONS} & served


@pytest.mark.slow
def test_the_command_writes_its_figures(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.truth", "--quick", "--docs", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    record = json.loads((tmp_path / "truth.json").read_text())
    for label in record["figures"]:
        assert label in done.stdout
    assert "| 32 | heun 20 |" in mixtures.fragment(record["figures"])
    assert "| ring | heun 200 |" in ending.fragment(record["figures"])
    assert "| plain integral |" in off_support.fragment(record["figures"])
