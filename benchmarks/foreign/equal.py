"""How far the samples that are served are from those of the package's own sampler."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.foreign.peer import ROWS, Peer
from sureflow.core.draw import Purpose, normal
from sureflow.core.family import families
from sureflow.core.lane import LaneSpec, Sample
from sureflow.model import Model
from sureflow.sampling.sample import run

SEED = 18


def specs(peer: Peer, model: Model, count: int, seed: int = SEED, **fields: Any) -> list[LaneSpec]:
    """Lanes whose digits take turns."""
    kind: Any = families()[model.card.family].spec
    solver = fields or dict(peer.solver)
    return [
        kind(
            seed,
            index,
            label=index % 10 if peer.classes else None,
            condition=peer.conditions(index % 10),
            **solver,
        )
        for index in range(count)
    ]


def compared(peer: Peer, network: nn.Module, model: Model) -> tuple[float, list[Sample]]:
    """The largest absolute difference, and our samples."""
    noise = torch.stack([normal(peer.shape, SEED, i, Purpose.START) for i in range(ROWS)])
    with torch.no_grad():
        theirs = peer.sample(network, noise, torch.arange(ROWS) % 10)
    ours = run(model, specs(peer, model, ROWS))
    found = stacked(ours)
    if found.shape != theirs.shape:  # it gives latents, which we decode
        found = torch.from_numpy(np.stack([sample.fields["latent"] for sample in ours]))
    return float((found - theirs).abs().max()), ours


def stacked(samples: list[Sample]) -> Tensor:
    """Samples as one tensor."""
    return torch.from_numpy(np.stack([sample.data for sample in samples]))
