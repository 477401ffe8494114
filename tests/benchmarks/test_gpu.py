"""The benchmarks of a GPU: rehearsed on a CPU in small, and refused where there is none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.gpu.__main__ import commands, figures
from benchmarks.gpu.page import QUESTIONS, page


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.gpu", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_without_a_gpu_it_says_so_in_one_sentence() -> None:
    done = run("--docs")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("device: cuda needs ")
    assert "or choose cpu" in line


@pytest.mark.slow
def test_a_rehearsal_writes_the_page(tmp_path: Path) -> None:
    written, kept = tmp_path / "gpu.md", tmp_path / "gpu.json"
    small = ("--device", "cpu", "--quick", "--model", "ring", "--parts", "overhead", "kernels")
    done = run(*small, "--docs", str(written), "--json", str(kept))
    assert done.returncode == 0, done.stderr
    found = json.loads(kept.read_text())
    assert found.pop("device") == "a CPU, in rehearsal"
    assert [*found] == ["overhead", "kernels"]
    assert found["overhead"]["ring: velocity with variance / velocity alone"] > 0.5
    assert found["kernels"]["ring: largest difference of a velocity between them"] == 0
    text = written.read_text()
    for part, figures_of in found.items():
        assert f"## {QUESTIONS[part]}" in text
        assert all(f"| {label} |" in text for label in figures_of)


@pytest.mark.slow
def test_all_parts_can_be_rehearsed(tmp_path: Path) -> None:
    kept = tmp_path / "gpu.json"
    done = run("--device", "cpu", "--quick", "--model", "ring", "--json", str(kept))
    assert done.returncode == 0, done.stderr
    assert {*json.loads(kept.read_text())} == {*QUESTIONS} - {"graphs"} | {"device"}


def test_every_part_has_a_title_and_runs_on_the_device() -> None:
    there = dict(commands("cuda:1", "fashion", quick=True))
    assert [*there] == [*QUESTIONS]
    assert all(words[-3:] == ["--device", "cuda:1", "--quick"] for words in there.values())
    assert "graphs" not in dict(commands("cpu", "fashion", quick=False))


def test_a_part_that_fails_is_told_and_loses_no_other() -> None:
    found = figures(["benchmarks.ring", "--no-such-option"])
    assert "ended with code 2" in found["failed"]
    text = page("a GPU", "2.13.0", {"overhead": found, "tick": {"a tick": 1.5}})
    assert "ended with code 2" in text
    assert "| a tick | 1.5 |" in text
