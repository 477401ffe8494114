"""Trains a model of another package for about a minute."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from benchmarks.foreign.descent import descend
from benchmarks.foreign.digits import batch
from benchmarks.foreign.peer import Peer

BATCH, RATE, SEED = 64, 2e-3, 0


def trained(peer: Peer, folder: Path) -> nn.Module:
    """The trained network, in evaluation mode; from its folder, if it was trained before."""
    torch.manual_seed(SEED)
    network, file = peer.make(), folder / "trained.safetensors"
    if file.exists():
        network.load_state_dict(load_file(file))
        return network.requires_grad_(False).eval()
    started = time.monotonic()
    generator = torch.Generator().manual_seed(SEED)

    def loss() -> Tensor:
        images, labels = batch(BATCH, generator)
        return peer.loss(network, peer.prepared(images), labels)

    average = descend(network, loss, peer.iterations, RATE, decay=1e-3, rise=0.1, longest=1.0)
    spent = time.monotonic() - started
    print(f"{peer.name}: trained in {spent:.0f} s, loss {average:.4f}", flush=True)
    save_file({name: z.contiguous() for name, z in network.state_dict().items()}, file)
    return network
