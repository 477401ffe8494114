"""Students of diffusion models, which are trained here on two modes in the plane."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import sureflow
from sureflow.checkpoint import CheckpointConfig, load, read_config, save
from sureflow.evaluation.teacher_gap import teacher_gap
from sureflow.model import Model
from sureflow.networks import FrozenVelocity, build, register
from sureflow.training.distillation.config import DistillationConfig
from sureflow.training.distillation.run import distill

CENTRES, DEVIATION = torch.tensor([[-1.0, 0.5], [1.0, -0.5]]), 0.15
STEPS, RATE, BATCH = 1500, 2e-3, 256
DISTILLED: dict[str, Any] = {
    "steps": 4,
    "substeps": 8,
    "trajectories": 4096,
    "together": 1024,
    "batch": 256,
    "passes": 8,
    "learning_rate": 2e-3,
}
TEACHERS: dict[str, dict[str, Any]] = {
    "noise": {"path": {"kind": "discrete"}, "prediction": "noise"},
    "v": {"path": {"kind": "cosine"}, "prediction": "v"},
}


class Small(nn.Module):
    """A perceptron of somebody's own, which is told the path's time."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        layers = [nn.Linear(8, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()]
        self.body = nn.Sequential(*layers, nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        angle = t[:, None] * torch.tensor([1.0, 2.0, 4.0]) * math.pi / 2
        found: Tensor = self.body(torch.cat([x, angle.sin(), angle.cos()], 1))
        return found


@dataclass(frozen=True)
class Pair:
    """Checkpoints of a teacher and its student."""

    teacher: Path
    student: Path


def train(network: FrozenVelocity) -> None:
    """Train the module on its own path to predict what it shall."""
    module = network.network.requires_grad_(True)
    path, prediction = network.convention.path, network.convention.prediction
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(module.parameters(), RATE)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
        chosen = CENTRES[torch.randint(2, (BATCH,), generator=generator)]
        x1 = chosen + DEVIATION * torch.randn(BATCH, 2, generator=generator)
        x0 = torch.randn(BATCH, 2, generator=generator)
        share = path.share(torch.rand(BATCH, generator=generator).double())
        size = path.scale(share)
        alpha, sigma = (z.float()[:, None] for z in ((1 - share) * size, share * size))
        target = x0 if prediction == "noise" else alpha * x0 - sigma * x1
        error = module(alpha * x1 + sigma * x0, path.clock(share).float()) - target
        optimizer.zero_grad()
        error.square().mean().backward()
        optimizer.step()


@pytest.fixture(scope="module", params=TEACHERS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    register("small-diffusion", Small)
    network = {"kind": "frozen", "base": "small-diffusion", "shape": [2], "time": "t"}
    network |= {"variance": "none", **TEACHERS[request.param]}
    torch.manual_seed(0)
    made = build(dict(network))
    assert isinstance(made, FrozenVelocity)
    train(made)
    root = tmp_path_factory.mktemp(request.param)
    config = CheckpointConfig(
        name="teacher", family="diffusion", media="vector", network=network, provenance={}
    )
    save(root / "teacher", config, made)
    config = DistillationConfig.model_validate(DISTILLED)
    distill(root / "teacher", config, root / "student", "student", quiet=True)
    return Pair(root / "teacher", root / "student")


def found(model: Model, **options: Any) -> tuple[float, float]:
    """Share of samples within three deviations of a mode, and of those nearest to the first."""
    data = np.stack([each.data for each in sureflow.sample(model, 1000, 1, **options)])
    distance, nearest = torch.cdist(torch.from_numpy(data), CENTRES).min(1)
    return float((distance < 3 * DEVIATION).double().mean()), float((nearest == 0).double().mean())


def test_one_evaluation_of_the_student_makes_what_the_teacher_makes_in_many(pair: Pair) -> None:
    teacher, student = load(pair.teacher), load(pair.student)
    assert (student.card.family, student.card.step_counts) == ("students", (1, 2, 4))
    assert found(teacher, steps=20)[0] > 0.92
    assert found(teacher, method="euler", steps=1)[0] < 0.1
    for steps in (1, 2, 4):
        within, first = found(student, steps=steps)
        assert within > 0.86, steps
        assert 0.42 < first < 0.58, steps


def test_student_ends_where_its_teacher_ends(pair: Pair) -> None:
    run_by = {"method": "heun", "steps": 20}
    gap = teacher_gap(load(pair.student), load(pair.teacher), 300, 7, run_by, quiet=True)
    assert gap.quantiles[1] < 0.1 * gap.apart
    assert gap.follows.keys() == {"renoise_spread", "self_consistency"}


def test_student_of_a_network_that_predicts_noise_predicts_v(pair: Pair) -> None:
    teacher, student = (read_config(each).network for each in (pair.teacher, pair.student))
    assert student == {**teacher, "prediction": "v"}
