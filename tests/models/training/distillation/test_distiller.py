"""A student of an exact flow against the closed form of where its trajectories end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from sureflow.checkpoint import CheckpointConfig, load, save
from sureflow.cli import app
from sureflow.networks import MLP, GaussianMixture
from sureflow.training.distillation.config import DistillationConfig
from sureflow.training.distillation.distiller import Distiller
from sureflow.training.distillation.run import distill
from sureflow.training.distillation.trajectories import draw

DEVIATION = 0.5
TEACHER = GaussianMixture([[0.6, -0.4]], [1.0], [DEVIATION])
SMALL: dict[str, Any] = {"trajectories": 2048, "batch": 256, "passes": 16, "learning_rate": 3e-3}


def end(x: Tensor) -> Tensor:
    """Where the teacher's trajectory from noise ends."""
    return torch.tensor([0.6, -0.4]) + DEVIATION * x


def test_trajectories_end_where_they_shall() -> None:
    config = DistillationConfig(steps=4, substeps=8)
    made = draw(TEACHER, 100, config, torch.Generator().manual_seed(0))
    assert made.states.shape == (100, 5, 2)
    assert made.times[[0, -1]].tolist() == [0, 1]
    assert torch.allclose(made.states[:, -1], end(made.states[:, 0]), atol=2e-3)


@pytest.mark.parametrize("target", ["end", "next"])
def test_a_student_learns_where_trajectories_end(target: str) -> None:
    torch.manual_seed(0)
    student = MLP((2,), width=64, layers=2, embedding=32, noise=())
    config = DistillationConfig.model_validate(
        {"steps": 1, "substeps": 8, "target": target, **SMALL}
    )
    distiller = Distiller(TEACHER, student, config)
    x = torch.randn(500, 2, generator=torch.Generator().manual_seed(1))
    zero = torch.zeros(len(x))

    def error() -> float:
        with torch.no_grad():
            return float((x + distiller.average(x, zero) - end(x)).square().mean().sqrt())

    before = error()
    distiller.run(quiet=True)
    assert before > 0.5
    assert error() < 0.1
    assert len(distiller.losses) == config.updates


def test_labels_are_drawn_and_guided() -> None:
    teacher = GaussianMixture([[-2.0, 0], [2.0, 0]], [1, 1], [0.1, 0.1], labels=[0, 1])
    config = DistillationConfig(steps=1, substeps=16, guidance=1.0)
    made = draw(teacher, 200, config, torch.Generator().manual_seed(0))
    assert {*made.labels.tolist()} == {0, 1, 2}
    sides = torch.tensor([-2.0, 2.0])[made.labels[made.labels < 2]]
    assert torch.allclose(made.states[made.labels < 2, -1, 0], sides, atol=0.5)
    guided = draw(
        teacher,
        200,
        config.model_copy(update={"guidance": 3.0}),
        torch.Generator().manual_seed(0),
    )
    null = made.labels == 2
    assert torch.allclose(made.states[null], guided.states[null], atol=1e-5)
    assert not torch.allclose(made.states[~null], guided.states[~null], atol=0.1)


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = {"kind": "mlp", "shape": [2], "width": 16, "layers": 1, "embedding": 8, "classes": 2}
    mlp = MLP((2,), width=16, layers=1, embedding=8, classes=2)
    config = CheckpointConfig(
        name="teacher",
        media="vector",
        classes=("a", "b"),
        network=network,
        provenance={"data": "none"},
    )
    save(tmp_path / "teacher", config, mlp)
    return tmp_path / "teacher"


def test_the_command_writes_a_checkpoint_of_the_family(teacher: Path) -> None:
    out = teacher.parent / "short"
    words = ["distill", str(teacher), "--steps", "2", "--out", str(out), "--trajectories", "64"]
    result = CliRunner().invoke(app, [*words, "--batch", "32", "--seed", "3", "--quiet"])
    assert result.exit_code == 0, result.output
    assert f"wrote {out}" in result.output
    model = load(out)
    assert (model.card.family, model.card.step_counts) == ("students", (1, 2))
    assert (model.card.variance, model.card.warnings) == ("none", ())
    assert model.card.classes == ("a", "b")
    record = json.loads((out / "config.json").read_text())["provenance"]
    assert record["data"] == "none"
    told = record["distillation"]
    assert (told["teacher"], told["seed"], told["steps"]) == ("teacher", 3, 2)
    size = (out / "model.safetensors").stat().st_size
    assert size < 0.6 * (teacher / "model.safetensors").stat().st_size


def test_the_same_config_gives_the_same_student(teacher: Path) -> None:
    config = DistillationConfig(trajectories=32, together=32, steps=1, seed=5)
    one, other = (teacher.parent / name for name in ("one", "other"))
    for out in (one, other):
        distill(teacher, config, out, "student", quiet=True)
    for file in ("model.safetensors", "schedule.safetensors"):
        assert (one / file).read_bytes() == (other / file).read_bytes()


def test_what_cannot_be_a_teacher_is_refused(teacher: Path) -> None:
    config = DistillationConfig(trajectories=32, together=32, steps=1)
    student = teacher.parent / "student"
    distill(teacher, config, student, "student", quiet=True)
    for folder, message in (
        (student, "of the family students"),
        ("ring-exact", "no weights that can be trained"),
        ("molecules", "of the family tokens"),
    ):
        with pytest.raises(ValueError, match=message):
            distill(folder, config, teacher.parent / "no", "no", quiet=True)
    words = ["distill", str(teacher), "--steps", "3", "--out", str(teacher.parent / "no")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code != 0
