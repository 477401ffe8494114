"""Scores are compared by how well they find draws that lie far from the data."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from typer.testing import CliRunner

from sureflow.checkpoint import load
from sureflow.cli import app
from sureflow.cli.calibrate import TRIED
from sureflow.evaluation.off_data import far_from, measured, ranking
from sureflow.folders import embedded_folder

MODES = 8
RADIUS, WIDTH = 2.0, 0.1


def ring(count: int) -> Tensor:
    """Data of the model of that name."""
    generator = torch.Generator().manual_seed(1)
    angle = 2 * np.pi * torch.randint(MODES, (count,), generator=generator) / MODES
    mean = RADIUS * torch.stack([angle.cos(), angle.sin()], 1)
    return mean + WIDTH * torch.randn(count, 2, generator=generator)


def test_far_is_farther_than_data_are_from_each_other() -> None:
    data = ring(4000)
    assert far_from(
        torch.tensor([[2.0, 0.0], [0.0, 0.0], [0.0, -2.1], [3.0, 0.5]]), data
    ).tolist() == [*(False, True, False, True)]
    assert far_from(ring(6000)[4000:], data).float().mean() < 0.03


def samples(**scores: list[float]) -> Any:
    each = zip(*scores.values(), strict=True)
    return [SimpleNamespace(scores=dict(zip(scores, values, strict=True))) for values in each]


def test_the_score_that_tells_them_apart_comes_first() -> None:
    far = torch.arange(40) % 4 == 0
    right = [float(off) for off in far]
    wrong, silent = [-value for value in right], [0.0] * 40
    unknown = [float("nan") if off else 1.0 for off in far]
    found = ranking(samples(wrong=wrong, right=right, silent=silent, unknown=unknown), far)
    assert found == {"right": 1.0, "unknown": 1.0, "silent": 0.5, "wrong": 0.0}
    assert [*found][-2:] == ["silent", "wrong"]
    assert ranking(samples(right=right[:36]), far[:36]) == {}, "of nine nothing is said"


def test_on_the_ring_density_finds_them_and_the_integral_does_not() -> None:
    found = measured(load("ring"), ring(8000), 1000, seed=5, quiet=True)
    assert found["likelihood"] > 0.9
    assert found["likelihood"] > found["propagated"] + 0.2
    assert [*found.values()] == sorted(found.values(), reverse=True)


def test_data_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"samples are \[3\], those of the model \[2\]"):
        measured(load("ring"), torch.zeros(8, 3), 8, seed=5, quiet=True)


def test_the_command_judges_by_it_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was judged by the same score whatever the model and its data."""
    folder, file = tmp_path / "ring", tmp_path / "samples.safetensors"
    folder.mkdir()
    for part in ("config.json", "model.safetensors"):
        (folder / part).write_bytes((embedded_folder() / "ring" / part).read_bytes())
    save_file({"samples": ring(4000)}, file)
    monkeypatch.setattr("sureflow.evaluation.off_data.measured", told)
    words = ["calibrate", str(folder), "--draws", "20", "--other-draws", "0", "--quiet"]
    done = CliRunner().invoke(app, [*words, "--data", str(file)])
    assert done.exit_code == 0, done.output
    assert "far from the data best: straightness 0.90 (of others, likelihood 0.80)" in done.stdout
    assert load(folder).score == "straightness"
    done = CliRunner().invoke(app, [*words, "--data", str(file), "--score", "trajectory"])
    assert (done.exit_code, load(folder).score) == (0, "trajectory")


def told(model: Any, data: Tensor, draws: int, seed: int, quiet: bool) -> dict[str, float]:
    assert draws == TRIED
    return {"straightness": 0.9, "likelihood": 0.8}
