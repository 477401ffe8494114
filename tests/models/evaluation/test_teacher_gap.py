"""The gap to the teacher against closed forms of Gaussian data."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stubs import Scripted, model_of
from torch import Tensor
from typer.testing import CliRunner

from sureflow.cli import app
from sureflow.core.draw import Purpose, normal
from sureflow.evaluation.teacher_gap import teacher_gap
from sureflow.families.students.engine import StudentEngine
from sureflow.families.students.schedule import Schedule
from sureflow.model import Model
from sureflow.networks import GaussianMixture

MEAN, DEVIATION = torch.tensor([0.6, -0.4]), 0.5
TEACHER = model_of(GaussianMixture([MEAN.tolist()], [1.0], [DEVIATION]))
CLOSELY = {"method": "dopri5", "tolerance": 1e-6}
COUNT, SEED = 200, 4


def end(x: Tensor, t: Tensor) -> Tensor:
    """Where the teacher's trajectory through ``x`` at time ``t`` ends."""
    return MEAN + DEVIATION * (x - t * MEAN) / ((1 - t) ** 2 + (t * DEVIATION) ** 2).sqrt()


def student_of(predicted: Any, classes: int = 0, **provenance: Any) -> Model:
    """A student that predicts this end of ``x, t, label``."""

    def slope(x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        t = t[:, None]
        return (predicted(x, t, label) - x) / (1 - t).clamp(min=1e-3)

    network = Scripted(slope, classes=classes)
    schedule = Schedule({1: np.array([0.0, 1]), 2: np.array([0, 0.5, 1])})
    facts = StudentEngine.facts(network, {"grid": schedule})
    known = {name: facts[name] for name in ("grids", "step_counts", "variance")}
    model = model_of(network)
    card = replace(model.card, family="students", provenance=provenance, **known)
    return replace(model, card=card, grid=schedule)


def test_the_exact_consistency_function_has_no_gap() -> None:
    student = student_of(lambda x, t, label: end(x, t))
    found = teacher_gap(student, TEACHER, COUNT, SEED, CLOSELY, quiet=True)
    assert found.gap.shape == (COUNT,)
    assert found.gap.max() < 1e-4
    # The distance of two samples of a Gaussian is a Rayleigh variable.
    expected = DEVIATION * math.sqrt(2) * math.sqrt(2 * math.log(2))
    assert found.apart == pytest.approx(expected, rel=0.2)


def test_the_gap_is_what_a_student_is_off_by() -> None:
    """It is off by more the longer the first component of its noise; scores see that."""
    off = lambda x: 0.3 * torch.stack([x[:, 0].square(), torch.zeros(len(x))], 1)  # noqa: E731
    student = student_of(lambda x, t, label: end(x, t) + (1 - t) * off(x))
    found = teacher_gap(student, TEACHER, COUNT, SEED, CLOSELY, quiet=True)
    noise = torch.stack([normal((2,), SEED, index, Purpose.START) for index in range(COUNT)])
    assert np.allclose(found.gap, off(noise).norm(dim=1).numpy(), atol=1e-4)
    assert found.quantiles == sorted(found.quantiles)
    assert found.follows.keys() == {"renoise_spread", "self_consistency"}
    told, half = found.follows["self_consistency"]
    assert 0.3 < told <= 1
    assert half == pytest.approx(1.96 * 1.06 / math.sqrt(COUNT - 3))


def test_the_teacher_is_guided_as_it_was_at_distillation() -> None:
    moved = lambda label, scale: torch.where(label == 1, scale, 0.0)[:, None]  # noqa: E731
    teacher = model_of(Scripted(lambda x, t, label: moved(label, 2.0) + 0 * x, classes=2))
    plain, guided = (
        student_of(lambda x, t, label: x + (1 - t) * moved(label, 6.0), 2, **provenance)
        for provenance in ({}, {"distillation": {"guidance": 3.0}})
    )
    by = {"method": "heun", "steps": 2}
    assert teacher_gap(guided, teacher, 20, SEED, by, quiet=True).gap.max() < 1e-5
    gap = teacher_gap(plain, teacher, 20, SEED, by, quiet=True).gap
    assert np.allclose(gap, [0, 4 * math.sqrt(2)] * 10, atol=1e-5)


def test_what_is_no_student_or_teacher_is_refused() -> None:
    student = student_of(lambda x, t, label: end(x, t))
    other = model_of(Scripted(lambda x, t, label: 0 * x, shape=(3,)))
    for pair, message in (
        ((TEACHER, TEACHER), "model: test is of the family flow, no student"),
        ((student, student), "teacher: test is of the family students"),
        ((student, other), "teacher: test makes samples of another shape"),
    ):
        with pytest.raises(ValueError, match=message):
            teacher_gap(*pair, COUNT, SEED, CLOSELY, quiet=True)


def test_the_command(tmp_path: Path) -> None:
    words = ["evaluate", "digits-4", "--count", "100", "--steps", "2", "--quiet"]
    file = tmp_path / "gap.json"
    done = CliRunner().invoke(app, [*words, "--teacher", "digits", "--json", str(file)])
    assert done.exit_code == 0, done.output
    assert "digits-4, 1 step, beside digits, heun 2 steps: 100 samples" in done.output
    figures = json.loads(file.read_text(), parse_constant=pytest.fail)
    assert len(figures["gap"]) == 100
    assert 0 < figures["quantiles"][1] < figures["apart"]
    done = CliRunner().invoke(app, [*words, "--teacher", "fashion"])
    assert done.exit_code == 1
    assert "teacher: fashion makes samples of another shape or other classes" in done.stderr
