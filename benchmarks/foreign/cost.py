"""What a lone sample costs, over a bare pass of the package's own network."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from benchmarks.foreign.equal import specs
from benchmarks.foreign.peer import Peer
from benchmarks.overhead import median_ratio, paired_times
from sureflow.model import Model
from sureflow.sampling.evaluator import main_head
from sureflow.sampling.sample import run

STEPS = 20


@dataclass(frozen=True)
class Cost:
    """Seconds of a bare pass of one row, and ratios to them.

    Attributes:
        bare: Seconds of that pass.
        row: Of a row of the network as it is served, with its padding.
        step: Of a step of a lone sample, everything included.
    """

    bare: float
    row: float
    step: float


@torch.inference_mode()
def measured(peer: Peer, network: nn.Module, model: Model, pairs: int) -> Cost:
    """Runs of both that take turns."""
    head, x, label = main_head(model), torch.randn(1, *peer.shape), torch.zeros(1).long()
    bare = partial(peer.forward, network, x, label)
    served = model.engine.heads()[model.engine.main].example(1)
    times = paired_times(bare, lambda: head(served), 10 * pairs)
    alone = statistics.median(one for one, _ in times)
    (spec,) = specs(peer, model, 1, method="euler", steps=STEPS)

    def several() -> None:
        for _ in range(STEPS):
            bare()

    steps = median_ratio(paired_times(several, lambda: run(model, [spec], 1), pairs))
    return Cost(alone, median_ratio(times), steps)
