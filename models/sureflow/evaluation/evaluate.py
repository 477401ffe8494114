"""Quality of a model's samples by a judge, of all samples and of the confident half."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from sureflow.core.family import family_of
from sureflow.core.lane import LaneSpec, Sample
from sureflow.core.lanes import Listener
from sureflow.evaluation.frechet import frechet_distance
from sureflow.evaluation.judge import Judge
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.sampling.sample import run

IN_FLIGHT, LEAST_LANES, MOST_LANES = 2**14, 64, 256
"""Numbers that the samples of all lanes in flight have together, and how many lanes at least and at
most. Of small samples many cost a tick little more than few."""


@dataclass(frozen=True)
class Report:
    """Quality of class-conditional samples, as a judge sees them.

    Attributes:
        accuracy: Share of samples that the judge assigns to their own class; higher is better.
        distance: Judge-FD to held-out real images; lower is better.
        floor: Judge-FD between two disjoint sets of real images of the same size.
        count: Size of each of these sets.
    """

    accuracy: float
    distance: float
    floor: float
    count: int


def balanced(
    model: Model,
    indices: Iterable[int],
    seed: int,
    labels: Sequence[int | None] | None = None,
    **options: Any,
) -> list[FlowSpec]:
    """Lanes of these indices, the labels taking turns; by default all classes of the model.

    The options are further fields of the lanes.
    """
    kind: Any = family_of(model.card).spec
    options = {**model.card.usual_options, **options}
    turns = labels or [*range(len(model.card.classes))] or [None]
    return [kind(seed, i, label=turns[i % len(turns)], **options) for i in indices]


def draw_balanced(
    model: Model, count: int, seed: int, *, quiet: bool = False, **options: Any
) -> list[Sample]:
    """Draw ``count`` samples of the lanes of :func:`balanced`."""
    (samples,) = drawn(model, [balanced(model, range(count), seed, **options)], quiet)
    return samples


def drawn(
    model: Model,
    parts: Collection[Sequence[LaneSpec]],
    quiet: bool = False,
    listener: Listener | None = None,
) -> Iterator[list[Sample]]:
    """Draw lanes part by part, with one progress bar; yields the samples of each part.

    The listener is that of :func:`~sureflow.sampling.sample.run`.
    """
    bar: tqdm[Any]
    capacity = min(max(IN_FLIGHT // math.prod(model.card.shape), LEAST_LANES), MOST_LANES)
    total = sum(map(len, parts))
    with tqdm(total=total, disable=quiet, unit="sample", desc=model.card.name) as bar:
        for lanes in parts:
            yield run(model, lanes, capacity, progress=bar.update, listener=listener)


def assess(samples: list[Sample], judge: Judge, held_out: Tensor) -> Report:
    """Judge samples against held-out images ``[N, C, H, W]`` in [-1, 1].

    The samples are compared with as many real images, and those with as many other real images.

    Raises:
        ValueError: There are fewer held-out images than twice the samples.
    """
    count = len(samples)
    if len(held_out) < 2 * count:
        raise ValueError(f"need {2 * count} held-out images, have {len(held_out)}")
    images = torch.from_numpy(np.stack([sample.data for sample in samples])).clamp(-1, 1)
    labels = torch.tensor([sample.spec.label for sample in samples])
    predicted, features = judge.read(images)
    real, other = (judge.read(part)[1] for part in torch.split(held_out[: 2 * count], count))
    return Report(
        accuracy=float((predicted == labels).float().mean()),
        distance=frechet_distance(features, real),
        floor=frechet_distance(other, real),
        count=count,
    )


def confident_half(samples: list[Sample]) -> list[Sample]:
    """The more confident half. Confidence is calibrated per class, so classes stay balanced."""
    ranked = sorted(samples, key=lambda sample: -(sample.confidence or 0.0))
    return ranked[: len(samples) // 2]
