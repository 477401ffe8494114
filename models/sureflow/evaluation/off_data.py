"""Which score finds samples that lie far from the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from sureflow.confidence.recalibration import scored
from sureflow.core.family import family_of
from sureflow.core.lane import LaneSpec, Sample
from sureflow.evaluation.auroc import auroc
from sureflow.evaluation.evaluate import drawn
from sureflow.model import Model

USUAL = 0.99
"""Share of held-out data that is not called far from the other data."""

MOST_KNOWN, MOST_HELD, PIECE = 20_000, 2_000, 256
"""Rows of the data that distances are to, held-out ones, and rows that are compared at a time."""

LEAST_FAR = 10
"""Samples far from the data without which no score is said to find them."""

SETTING = "heun:20"


def far_from(samples: Tensor, data: Tensor) -> Tensor:
    """Say which samples ``[n, *shape]`` lie farther from the data than data do; bool ``[n]``.

    A distance is that to the nearest of one half of ``data`` ``[m, *shape]``, which comes in any
    order; what is far is learned from the other half.
    """
    shuffled = data[torch.randperm(len(data), generator=torch.Generator().manual_seed(0))]
    held, known = shuffled.flatten(1).tensor_split([len(data) // 2])
    held, known = held[:MOST_HELD], known[:MOST_KNOWN]
    return _nearest(samples.flatten(1), known) > _nearest(held, known).quantile(USUAL)


def ranking(samples: Sequence[Sample], far: Tensor) -> dict[str, float]:
    """Return, by score, how well it tells the samples that are far, the best score first.

    It is the share of pairs of a far sample and another of which the far one is less sure, 0.5 for
    a score that tells nothing. Nothing is returned for fewer than :data:`LEAST_FAR` of either kind.
    """
    off = far.numpy()
    if min(off.sum(), (~off).sum()) < LEAST_FAR:
        return {}
    names = [name for name in samples[0].scores if all(name in one.scores for one in samples)]
    found = {name: auroc(np.array([one.scores[name] for one in samples]), off) for name in names}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def measured(
    model: Model, data: Tensor, draws: int, seed: int, quiet: bool = False
) -> dict[str, float]:
    """Return the :func:`ranking` of a model's scores, of so many draws, by data ``[m, *shape]``.

    Scores that cost passes of their own are left out.

    Raises:
        ValueError: The data are of another shape than the samples, or fewer than two.
    """
    shape = model.card.shape
    if len(data) < 2 or tuple(data.shape[1:]) != shape:
        raise ValueError(f"data: samples are {[*data.shape[1:]]}, those of the model {[*shape]}")
    samples = [*chain.from_iterable(drawn(model, [[*_lanes(model, draws, seed)]], quiet))]
    states = torch.from_numpy(np.stack([sample.data for sample in samples]))
    return ranking(samples, far_from(states, data))


def _lanes(model: Model, draws: int, seed: int) -> Iterator[LaneSpec]:
    """Lanes whose classes take turns."""
    family = family_of(model.card)
    names = [name for name in family.scores if not family.scores[name].costly]
    kinds = scored(model.card, family.parse_setting(SETTING), names, seed)
    for index in range(draws):
        yield replace(kinds[index % len(kinds)], index=index)


def _nearest(rows: Tensor, known: Tensor) -> Tensor:
    """Distance of each row ``[n, d]`` to the nearest known one ``[m, d]``."""
    pieces = (rows[first : first + PIECE] for first in range(0, len(rows), PIECE))
    return torch.cat([torch.cdist(piece, known).amin(1) for piece in pieces])
