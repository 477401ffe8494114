"""The exact consistency function of a Gaussian."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from stubs import Scripted, model_of
from torch import Tensor

from sureflow.families.students.engine import StudentEngine
from sureflow.families.students.schedule import Schedule
from sureflow.model import Model

MEAN, DEVIATION = torch.tensor([0.6, -0.4]), torch.tensor([0.5, 0.8])
SCHEDULE = Schedule({1: np.array([0.0, 1]), 2: np.array([0, 0.5, 1]), 4: np.linspace(0, 1, 5)})


def end(x: Tensor, t: Tensor | float) -> Tensor:
    """Where the trajectory through ``x`` at time ``t`` ends: as many deviations from the mean."""
    spread = ((1 - t) ** 2 + (t * DEVIATION) ** 2) ** 0.5
    return MEAN + DEVIATION * (x - t * MEAN) / spread


def slope(x: Tensor, t: Tensor, label: Tensor) -> Tensor:
    """The mean velocity from there to the end."""
    return (end(x, t[:, None]) - x) / (1 - t[:, None]).clamp(min=1e-3)


def labelled(x: Tensor, t: Tensor, label: Tensor) -> Tensor:
    """The same, of two classes that lie apart; the null label is that of the first."""
    return slope(x, t, label) + torch.where(label == 1, 3.0, 0.0)[:, None]


def student(network: Scripted) -> Model:
    """A student of the family, with the steps 1, 2 and 4."""
    model = model_of(network)
    facts = StudentEngine.facts(network, {"grid": SCHEDULE})
    known = {name: facts[name] for name in ("grids", "step_counts", "variance")}
    return replace(model, card=replace(model.card, family="students", **known), grid=SCHEDULE)


@pytest.fixture(scope="session")
def exact() -> Model:
    return student(Scripted(slope))


@pytest.fixture(scope="session")
def classes() -> Model:
    return student(Scripted(labelled, classes=2))
