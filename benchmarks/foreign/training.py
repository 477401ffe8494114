"""Trains a model of another package for about a minute."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

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
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, peer.iterations, pct_start=0.1)
    network.train()
    average = 0.0
    for step in range(peer.iterations):
        images, labels = batch(BATCH, generator)
        loss = peer.loss(network, peer.prepared(images), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average += (loss.item() - average) / min(step + 1, 100)
    spent = time.monotonic() - started
    print(f"{peer.name}: trained in {spent:.0f} s, loss {average:.4f}", flush=True)
    state = {name: z.contiguous() for name, z in network.state_dict().items()}
    save_file(state, file)
    return network.requires_grad_(False).eval()
