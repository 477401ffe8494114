"""AUROC of scores for bad samples, overall and within a class, with bootstrap intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from benchmarks.truth.measures import auroc

REPEATS = 1000


@dataclass(frozen=True)
class Found:
    """How well a score tells bad samples from good ones.

    Attributes:
        value: AUROC of all samples; 0.5 is chance.
        low: 2.5 % of the bootstrap.
        high: 97.5 %.
        within: AUROC of the ranks within each class.
    """

    value: float
    low: float
    high: float
    within: float


def found(score: Tensor, bad: Tensor, label: Tensor) -> Found:
    """The AUROC of a score ``[n]`` for what is bad ``[n]``."""
    generator = np.random.default_rng(0)
    drawn = []
    for _ in range(REPEATS):
        index = torch.from_numpy(generator.integers(len(score), size=len(score)))
        if 0 < int(bad[index].sum()) < len(score):
            drawn.append(auroc(score[index], bad[index]))
    low, high = np.quantile(drawn, (0.025, 0.975))
    ranks = torch.zeros(len(score), dtype=torch.float64)
    for one in {*label.tolist()}:
        own = label == one
        ranks[own] = torch.from_numpy(rankdata(score[own].numpy())) / int(own.sum())
    return Found(auroc(score, bad), float(low), float(high), auroc(ranks, bad))
