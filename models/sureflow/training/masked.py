"""The objective of masked diffusion: the masked tokens of a sequence, by those that are left."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from sureflow.networks.sequence_network import SequenceNetwork
from sureflow.training.config import TrainingConfig


class MaskedPoints(NamedTuple):
    """Sequences of which a part is masked, on the device of the network.

    Attributes:
        tokens: The whole sequences, ``[n, length]``.
        seen: The same with the mask in place of those that are to be predicted.
        given: Conditions by name, ``[n, ...]``.
    """

    tokens: Tensor
    seen: Tensor
    given: dict[str, Tensor]


def points(
    network: SequenceNetwork, source: Any, config: TrainingConfig, generator: torch.Generator
) -> MaskedPoints:
    """A batch of sequences, of each of which a number of tokens is masked, at least one.

    All numbers are equally likely, and over the batch they are spread evenly; so they are for the
    times of the linear schedule. Some sequences have no condition.
    """
    drawn = source.draw(config.batch, generator)
    tokens = network.tokens(drawn.samples)
    rows, length = tokens.shape
    spread = (torch.arange(rows) + torch.rand(1, generator=generator)) / rows
    hidden = 1 + (spread * length).long().clamp(max=length - 1)
    order = torch.rand(rows, length, generator=generator).argsort(1).argsort(1)
    seen = torch.where(order < hidden[:, None], network.mask, tokens)
    dropped = torch.rand(rows, generator=generator) < config.label_dropout
    given = {
        name: torch.where(dropped[:, None], network.conditions[name].null, value)
        for name, value in drawn.conditions.items()
        if name in network.conditions
    }
    device = network.device
    moved = {name: value.to(device) for name, value in given.items()}
    return MaskedPoints(tokens.to(device), seen.to(device), moved)


def loss(network: SequenceNetwork, at: MaskedPoints) -> Tensor:
    """Mean surprise of the masked tokens, of each sequence and then of the batch, in nats.

    Times the length it is the bound on ``-log p`` of a sequence (Sahoo et al., Simple and Effective
    Masked Diffusion Language Models, 2024, equation 11, with the linear schedule), with the number
    of masked tokens in place of the time.
    """
    found = surprises(network, at).mean()
    found.backward()  # type: ignore[no-untyped-call]
    return found.detach()


def surprises(network: SequenceNetwork, at: MaskedPoints) -> Tensor:
    """Mean surprise of the masked tokens of each sequence, ``[n]``, in nats."""
    logits = network(at.seen, **at.given).float()
    each = functional.cross_entropy(logits.transpose(1, 2), at.tokens, reduction="none")
    hidden = (at.seen == network.mask).float()
    return (each * hidden).sum(1) / hidden.sum(1)
