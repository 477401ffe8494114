"""The problem: the same network and starts for every solver, and the exact solution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.numerics.point import Floats, Tally, measure
from benchmarks.peers import PEERS
from sureflow.checkpoint import load
from sureflow.core.draw import Purpose, normal
from sureflow.evaluation.judge import Judge
from sureflow.evaluation.realism import JUDGE
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.networks import GaussianMixture
from sureflow.sampling.sample import run

SEED = 20_001
LANES = 4096
"""Lanes in flight at once; changes the time that it takes, never a sample."""

Mode = Callable[[Floats], npt.NDArray[np.int64]]
"""Of each of some samples ``[n, *shape]``."""


@dataclass(frozen=True)
class Problem:
    """Starts, truth, and what counts as a wrong mode.

    Attributes:
        model: The checkpoint.
        labels: One per sample.
        truth: End points of a fine solve of the same network.
        mode: Which mode a sample is in.
        batch: Samples that a peer solves at once.
    """

    model: Model
    labels: list[int | None]
    truth: Floats
    mode: Mode
    batch: int

    def ours(self, **sampler: object) -> Tally:
        """One setting of our sampler."""
        samples = run(self.model, specs(self.labels, **sampler), LANES)
        return self._tally([s.data for s in samples], [s.evaluations for s in samples])

    def theirs(self, peer: str, tolerance: float, samples: int) -> Tally:
        """One tolerance of another solver, on batches of the first of the same starts."""
        shape, null = self.model.card.shape, self.model.network.classes
        data: list[Floats] = []
        evaluations: list[int] = []
        given = self.labels[:samples]
        for first in range(0, len(given), self.batch):
            labels = given[first : first + self.batch]
            start = [normal(shape, SEED, first + i, Purpose.START) for i in range(len(labels))]
            label = torch.tensor([null if label is None else label for label in labels])
            end, cost = PEERS[peer](self.model, torch.stack(start), label, tolerance)
            data.extend(end.detach().numpy())
            evaluations += [cost] * len(labels)
        return self._tally(data, evaluations)

    def _tally(self, data: Sequence[Floats], evaluations: Sequence[int]) -> Tally:
        truth, ends = self.truth[: len(data)], np.stack(data)
        return measure(ends, truth, self.mode(ends) != self.mode(truth), evaluations)


def specs(labels: list[int | None], **sampler: object) -> list[FlowSpec]:
    """The lanes of one solver."""
    return [
        FlowSpec(SEED, index, label=label, **sampler)  # type: ignore[arg-type]
        for index, label in enumerate(labels)
    ]


def ring_mode() -> Mode:
    """Which of the eight modes of ``ring`` each point is nearest to."""
    exact = load("ring-exact").network
    assert isinstance(exact, GaussianMixture)
    means = exact.means.numpy()

    def nearest(points: Floats) -> npt.NDArray[np.int64]:
        which: npt.NDArray[np.int64] = np.square(points[:, None] - means).sum(-1).argmin(1)
        return which

    return nearest


def ring(count: int) -> Problem:
    """Eight modes in the plane; the mode of a point is the nearest one."""
    model = load("ring")
    labels: list[int | None] = [None] * count
    return Problem(model, labels, fine(model, labels, 40), ring_mode(), 256)


def fashion(count: int) -> Problem:
    """Images by class; the mode of an image is what the judge takes it for."""
    model = load("fashion")
    judge = Judge.load(JUDGE, len(model.card.classes))
    labels: list[int | None] = [index % len(model.card.classes) for index in range(count)]

    def read(images: Floats) -> npt.NDArray[np.int64]:
        labels: npt.NDArray[np.int64] = judge.read(torch.from_numpy(images))[0].numpy()
        return labels

    return Problem(model, labels, fine(model, labels, 48), read, 32)


def fine(model: Model, labels: list[int | None], steps: int) -> Floats:
    """End points of the classical Runge-Kutta method on a fine grid."""
    lanes = specs(labels, method="rk4", steps=steps)
    return np.stack([sample.data for sample in run(model, lanes, LANES)])
