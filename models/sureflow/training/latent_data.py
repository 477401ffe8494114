"""Data of a latent model that are given as samples."""

from __future__ import annotations

from dataclasses import replace

import torch

from sureflow.networks import Staged, VelocityNetwork
from sureflow.training.arrays import Arrays, scaled

BLOCK = 8
"""Samples that are encoded at once."""


@torch.no_grad()
def latents_of(source: Arrays, network: VelocityNetwork) -> Arrays:
    """The same data as latents, if they are samples of a network that encodes these.

    All others are left as they are.
    """
    if not isinstance(network, Staged) or network.sample_encoder is None:
        return source
    assert network.decoder is not None
    samples, encoder = source.samples, network.sample_encoder
    if samples.shape[1:] != network.decoder.shape:
        return source
    made = []
    for rows in torch.split(samples, BLOCK):
        values = scaled(rows) if rows.dtype == torch.uint8 else rows
        made.append(encoder(values.to(network.device)).cpu())
    return replace(source, samples=torch.cat(made))
