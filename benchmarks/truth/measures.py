"""How well a score separates bad samples from good ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from scipy.stats import rankdata
from torch import Tensor

from benchmarks.report import Report

ENDS = ("least", "most")


def auroc(score: Tensor, bad: Tensor) -> float:
    """Chance that a bad sample scores higher than a good one; ties count half. Both ``[n]``."""
    ranks = torch.from_numpy(rankdata(score.numpy()))
    positives, negatives = int(bad.sum()), int((~bad).sum())
    above = float(ranks[bad].sum()) - positives * (positives + 1) / 2
    return above / (positives * negatives)


def interval(score: Tensor, bad: Tensor, resampled: int = 400) -> tuple[float, float]:
    """Where the AUROC lies in 95 % of bootstrap samples of these ``[n]``."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(resampled):
        drawn = torch.randint(len(bad), (len(bad),), generator=generator)
        if 0 < int(bad[drawn].sum()) < len(bad):
            found.append(auroc(score[drawn], bad[drawn]))
    low, high = torch.quantile(torch.tensor(found), torch.tensor([0.025, 0.975])).tolist()
    return low, high


def add_interval(report: Report, label: str, score: Tensor, bad: Tensor) -> None:
    """Add both ends of the :func:`interval` of an AUROC that has this label."""
    for end, value in zip(ENDS, interval(score, bad), strict=True):
        report.add(f"{label}, {end}", value)


def shown(figures: Mapping[str, Any], label: str) -> str:
    """The AUROC of this label in a table, with its interval if that was measured."""
    ends = [figures[f"{label}, {end}"] for end in ENDS if f"{label}, {end}" in figures]
    return f"{figures[label]:.3f}" + (f" [{ends[0]:.3f}, {ends[1]:.3f}]" if ends else "")


def removed(score: Tensor, bad: Tensor, kept: float = 0.96) -> float:
    """Share of the bad samples above the threshold that keeps this share of the good ones."""
    threshold = torch.quantile(score[~bad], kept)
    return float((score[bad] > threshold).double().mean())
