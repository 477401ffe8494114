"""Errors and judge-FD of solvers, at so many evaluations, over several seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.solvers.candidates import CANDIDATES, Problem
from sureflow.core.draw import Purpose, normal
from sureflow.core.family import families
from sureflow.evaluation.digit_reader import DigitReader
from sureflow.evaluation.frechet import frechet_distance
from sureflow.families.flow.tableau import EVALUATIONS, FURTHER
from sureflow.model import Model
from sureflow.sampling.sample import run

FINE = {"method": "dopri5", "tolerance": 1e-4}
"""How the reference of the errors is made."""

ROWS = 64


@dataclass(frozen=True)
class Case:
    """Samples of a model from the noise of one seed."""

    model: Model
    seed: int
    count: int

    @property
    def labels(self) -> list[int | None]:
        """The classes take turns; none where there are none."""
        classes = len(self.model.card.classes)
        return [n % classes if classes else None for n in range(self.count)]

    def served(self, **fields: Any) -> tuple[Tensor, float]:
        """Samples ``[n, *shape]`` by a solver that is served, and its evaluations of each."""
        kind: Any = families()[self.model.card.family].spec
        specs = [kind(self.seed, n, label=label, **fields) for n, label in enumerate(self.labels)]
        made = run(self.model, specs, ROWS)
        spent = float(np.mean([sample.evaluations for sample in made]))
        return torch.from_numpy(np.stack([sample.data for sample in made])), spent

    @torch.inference_mode()
    def candidate(self, name: str, evaluations: int) -> Tensor:
        """Samples by a solver that is not served, on the model's own schedule."""
        network, shape = self.model.network, self.model.card.state_shape
        labels = torch.tensor(self.labels)

        def data(y: Tensor, t: float) -> Tensor:
            parts = range(0, len(y), ROWS)
            rows = ((y[n : n + ROWS], labels[n : n + ROWS]) for n in parts)
            said = [network(x, torch.full((len(x),), t), label) for x, label in rows]
            return y + (1 - t) * torch.cat(said)

        def fresh(step: int, purpose: Purpose = Purpose.STEP) -> Tensor:
            drawn = (normal(shape, self.seed, n, purpose, step) for n in range(self.count))
            return torch.stack(list(drawn))

        convention = network.convention
        problem = Problem(
            data,
            fresh(0, Purpose.START),
            fresh,
            convention.coupling,
            lambda steps: np.asarray(convention.schedule(steps)),
            evaluations,
        )
        return CANDIDATES[name](problem)


def steps_of(method: str, evaluations: int) -> int:
    """The steps that come to at most so many evaluations."""
    return (evaluations - FURTHER[method]) // EVALUATIONS[method]


def rms(found: Tensor, exact: Tensor) -> float:
    """Root of the mean squared error per component, data units."""
    return float((found - exact).double().square().mean().sqrt())


class JudgeDistance:
    """Judge-FD to real digits that trained nothing here, in the digit reader's last activations."""

    def __init__(self, real: Tensor) -> None:
        self._reader = DigitReader.load()
        self._real = self._features(real)

    def __call__(self, images: Tensor) -> float:
        """Of these images ``[n, 1, 28, 28]``."""
        return frechet_distance(self._features(images), self._real)

    def misread(self, images: Tensor, labels: list[int | None]) -> float:
        """Share of images that are read as another digit than they were asked for."""
        return float((self._reader.read(images) != torch.tensor(labels)).double().mean())

    @torch.inference_mode()
    def _features(self, images: Tensor) -> Tensor:
        pixels = ((images.clamp(-1, 1) + 1) / 2 - 0.1307) / 0.3081
        found = self._reader.conv_layers(pixels).flatten(1)
        return torch.as_tensor(self._reader.fc_layers[:2](found))
