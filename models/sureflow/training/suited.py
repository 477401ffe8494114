"""Data for a network that there is: of the right shapes, classes and conditions."""

from __future__ import annotations

from pathlib import Path

import torch

from sureflow.model import Model
from sureflow.networks import VelocityNetwork
from sureflow.training.arrays import CONDITION, Arrays, arrays_in
from sureflow.training.config import read_config
from sureflow.training.data import Source, source_of
from sureflow.training.latent_data import latents_of


def data_at(path: Path, model: Model) -> Source:
    """Read data for a model, as latents if it is one of latents.

    Args:
        path: Training configuration, whose data are meant, or safetensors file with ``samples``,
            and ``labels`` and ``conditions.NAME`` if there are any.
        model: What they are for.

    Raises:
        ValueError: They do not suit its network; the message begins with the field.
        FileNotFoundError: They are not installed.
    """
    training = path.suffix == ".toml"
    found = source_of(read_config(path).data) if training else arrays_in(path, model.card.classes)
    if isinstance(found, Arrays):
        found = latents_of(found, model.network)
    return suited(found, model.network)


def suited(source: Source, network: VelocityNetwork) -> Source:
    """The source for this network; without labels, if it takes none.

    Raises:
        ValueError: It does not fit; the message begins with ``data``, or with the condition.
    """
    drawn = source.draw(1, torch.Generator().manual_seed(0))
    shape = tuple(drawn.samples.shape[1:])
    if shape not in network.shapes:
        listed = " or ".join(str([*each]) for each in network.shapes)
        message = f"samples have shape {[*shape]}, but the network has {listed}"
        raise ValueError(f"data: {message}")
    for name, value in drawn.conditions.items():
        known = network.conditions.get(name)
        if known is None:
            there = ", ".join(network.conditions) or "none"
            raise ValueError(f"{CONDITION}{name}: the network has no such condition; has {there}")
        if value.shape[1:] != known.shape and not known.sized:
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
