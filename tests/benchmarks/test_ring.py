import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.ring import rank, variance_ratio
from sureflow.checkpoint import load
from sureflow.networks import GaussianMixture


def test_the_shipped_score_ranks_like_the_truth() -> None:
    truth = load("ring-exact").network
    assert isinstance(truth, GaussianMixture)
    assert rank(load("ring"), truth, "heun", 400) > 0.95


@pytest.mark.parametrize("t", [0.05, 0.3, 0.6, 0.9])
def test_the_shipped_variance_has_the_right_size(t: float) -> None:
    truth = load("ring-exact").network
    assert isinstance(truth, GaussianMixture)
    assert abs(variance_ratio(load("ring").network, truth, t, 4000) - 1) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["overhead", "precision", "ring", "throughput", "tick"])
def test_every_benchmark_prints_and_writes_its_figures(name: str, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", f"benchmarks.{name}", "--quick", "--json", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    record = json.loads(out.read_text())
    assert record["benchmark"] == name
    assert record["machine"]["threads"] == 1
    for label in record["figures"]:
        assert label in done.stdout
