"""Whether data suit a network: shapes, classes and conditions."""

from __future__ import annotations

import torch

from sureflow.networks import VelocityNetwork
from sureflow.training.arrays import CONDITION, Arrays
from sureflow.training.data import Source


def suited(source: Source, network: VelocityNetwork) -> Source:
    """The source for this network; without labels, if it takes none.

    Raises:
        ValueError: It does not fit; the message begins with ``data``, or with the condition.
    """
    drawn = source.draw(1, torch.Generator().manual_seed(0))
    shape = tuple(drawn.samples.shape[1:])
    if shape != network.shape:
        message = f"samples have shape {[*shape]}, but the network has {[*network.shape]}"
        raise ValueError(f"data: {message}")
    for name, value in drawn.conditions.items():
        known = network.conditions.get(name)
        if known is None:
            there = ", ".join(network.conditions) or "none"
            raise ValueError(f"{CONDITION}{name}: the network has no such condition; has {there}")
        if value.shape[1:] != known.shape:
            found = f"{[*value.shape[1:]]}, but the network takes {[*known.shape]}"
            raise ValueError(f"{CONDITION}{name}: has shape {found}")
    for name, condition in network.conditions.items():
        if condition.required and name not in drawn.conditions:
            message = f"has no tensor {CONDITION}{name}, which every sample needs"
            raise ValueError(f"data: {message}")
    if not network.classes:
        return source.unlabelled() if isinstance(source, Arrays) else source
    if len(source.names) != network.classes:
        message = f"has {len(source.names)} classes, but network.classes is {network.classes}"
        raise ValueError(f"data: {message}")
    return source
