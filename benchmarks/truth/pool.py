"""Draws whose final score is to be foretold, with what was known of them on the way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch
from scipy.stats import rankdata, spearmanr
from torch import Tensor
from torch.nn import functional as F

from sureflow.core.arrays import Floats
from sureflow.core.lane import Sample
from sureflow.evaluation.evaluate import balanced, drawn
from sureflow.model import Model
from sureflow.networks import NetworkOutput
from sureflow.networks.probe import pooled

NAME, TIMES, EARLIER = "fashion", (0.2, 0.4, 0.6), 0.1
HEARD = tuple(round(EARLIER * (1 + number), 9) for number in range(9))
CHUNK = 64

PATCHES = 2
"""Rows and columns of patches in which activations are pooled."""


@dataclass(frozen=True)
class Pool:
    """Finished draws, and what was known of them on the way.

    Attributes:
        labels: ``[n]``.
        final: Their scores, ``[n]``.
        running: Running score and foresight at :data:`HEARD`, ``[n, 9, 2]``.
        moments: Mean and deviation of every channel, at all times 0.1 apart up to the last of
            :data:`TIMES`, ``[n, 6, 2 C]``.
        patches: The same in each patch at :data:`TIMES`, ``[n, T, PATCHES^2 * 2 C]``.
    """

    labels: Tensor
    final: Tensor
    running: Tensor
    moments: Tensor
    patches: Tensor

    @property
    def places(self) -> Tensor:
        """Ranks of the final scores within the class, about 0, ``[n]``."""
        found = torch.empty(len(self.final), dtype=torch.double)
        for label in sorted({*self.labels.tolist()}):
            own = self.labels == label
            ranks = rankdata(self.final[own].numpy())
            found[own] = torch.from_numpy((ranks - 0.5) / len(ranks) - 0.5)
        return found

    def correlation(self, told: Tensor) -> float:
        """Mean over classes of the rank correlation of what was told ``[n]`` with the scores."""
        parts = [self.labels == label for label in sorted({*self.labels.tolist()})]
        return fmean(float(spearmanr(told[own], self.final[own]).statistic) for own in parts)


def drawn_pool(model: Model, count: int, seed: int) -> Pool:
    """Draw samples, the classes taking turns, Heun with 20 steps, and read their activations."""
    times = tuple(t for t in HEARD if t <= TIMES[-1])
    heard: dict[int, dict[float, Floats]] = defaultdict(dict)

    def listen(ticket: int, t: float, values: Floats) -> None:
        heard[ticket][round(t, 6)] = values

    parts: list[Pool] = []
    chunks = [range(first, min(first + CHUNK, count)) for first in range(0, count, CHUNK)]
    lanes = [
        balanced(model, of, seed, method="heun", steps=20, keep=times, scores=(model.score,))
        for of in chunks
    ]
    for samples in drawn(model, lanes, True, listen):
        running = np.array([[heard[i][t] for t in HEARD] for i in range(len(samples))])
        parts.append(_read(model, samples, times, torch.from_numpy(running)))
        heard.clear()
    names = Pool.__dataclass_fields__
    return Pool(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})


@torch.inference_mode()
def _read(model: Model, samples: list[Sample], times: Sequence[float], running: Tensor) -> Pool:
    network, found, patches = model.network, [], []
    labels = torch.tensor([sample.spec.label for sample in samples])
    for t, frames in zip(times, zip(*(s.frames for s in samples), strict=True), strict=True):
        x = torch.stack([torch.from_numpy(frame.arrays["x"]) for frame in frames])
        at = torch.full((len(x),), t)
        reply = network.run(x, at, labels, False, **network.complete(x, {}))
        assert isinstance(reply, NetworkOutput)
        assert reply.hidden is not None
        found.append(pooled(reply.hidden))
        if t in TIMES:
            patches.append(in_patches(reply.hidden))
    final = torch.tensor([sample.uncertainty for sample in samples])
    return Pool(labels, final, running, torch.stack(found, 1), torch.stack(patches, 1))


def in_patches(hidden: Tensor) -> Tensor:
    """Mean and deviation of channels ``[n, C, H, W]`` in patches, ``[n, PATCHES^2 * 2 C]``."""
    mean = F.adaptive_avg_pool2d(hidden, PATCHES)
    square = F.adaptive_avg_pool2d(hidden.square(), PATCHES)
    deviation = (square - mean.square()).clamp(min=0).sqrt()
    return torch.cat([mean.flatten(1), deviation.flatten(1)], 1)
