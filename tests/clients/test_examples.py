"""The programs in ``examples/`` that need a server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import PIL.Image

ROOT = Path(__file__).parents[2]


def run(name: str, folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *words],
        env={**os.environ, "PYTHONPATH": str(ROOT / "clients" / "python")},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_good_samples(server: str, tmp_path: Path) -> None:
    text = run("good_samples.py", tmp_path, "--url", server, "--each", "1", "--rate", "0.02")
    found = re.search(r"10 of (\d+) accepted, at a confidence of (\S+) or above", text)
    assert found is not None
    assert int(found[1]) >= 10
    assert 0 < float(found[2]) < 0.5
    with PIL.Image.open(tmp_path / "good.png") as picture:
        assert picture.height > 10 * 84


def test_redirect(server: str, tmp_path: Path) -> None:
    text = run("redirect.py", tmp_path, "--url", server)
    evaluations = re.search(r"(\d+) evaluations a branch, (\d+) a sample", text)
    assert evaluations is not None
    assert int(evaluations[1]) < int(evaluations[2])
    names = {path.name for path in (tmp_path / "redirected").iterdir()}
    assert names == {"trajectory.png", "branches.png", "three.png"}


def test_score_your_data(server: str, tmp_path: Path) -> None:
    text = run("score_your_data.py", tmp_path, "--url", server, "--count", "3")
    kinds = [line[:12].strip() for line in text.splitlines()[1:]]
    assert kinds == ["on the ring"] * 3 + ["off it"] * 3
