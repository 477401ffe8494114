"""Writes a foreign model as a checkpoint folder, after a look at what it answers."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sureflow.checkpoint import CheckpointConfig, save
from sureflow.importing.recognised import Recognised
from sureflow.importing.stored import Stored, check_stored
from sureflow.networks import FrozenVelocity, build
from sureflow.training.arrays import Arrays
from sureflow.training.data import Source
from sureflow.training.soundness import Explained, check_finite, convention_problem, explained
from sureflow.weights import with_tied

log = logging.getLogger(__name__)

COLOURS = (1, 3)
"""Numbers of channels of an image; other arrays of three dimensions are latents."""

TRIED = 64
"""Samples of noise with which a network is tried where there are no data."""


@dataclass(frozen=True)
class Imported:
    """A model that was written as a checkpoint.

    Attributes:
        folder: The checkpoint folder.
        config: Its configuration.
        notes: Sentences: what was recognised, and what was found out.
        plugin: The declaration that a server needs to find the module, if it needs one.
    """

    folder: Path
    config: CheckpointConfig
    notes: tuple[str, ...]
    plugin: str | None


def write(
    folder: Path,
    name: str,
    found: Recognised,
    classes: tuple[str, ...] = (),
    data: Source | None = None,
    force: bool = False,
) -> Imported:
    """Build the network, load its weights, try it, and write its checkpoint folder.

    Args:
        folder: The folder to write.
        name: Name of the model in requests.
        found: What was recognised. Where it does not say whether the network understands the null
            label, that is tried.
        classes: Names of its classes; by default their numbers.
        data: Data that it was trained on, to see whether it predicts what is said. Without any, it
            is only asked whether its answers are finite.
        force: Whether to write also a network that does not predict that of these data.

    Raises:
        ValueError: The weights are not the network's, it cannot be evaluated, is not finite, or
            does not predict what is said; the message begins with the field or the file.
    """
    found, network = _built(found)
    notes = [*found.notes, _described(network)]
    if not network.null_label:
        notes.append("It knows no null label, so that every sample needs a class.")
    check_finite(network, data or _noise(network))
    if data is None:
        notes.append("No data were given, so its convention was not checked; --data does.")
    else:
        if reason := convention_problem(network, data):
            if not force:
                raise ValueError(f"network: {reason}; --force imports it all the same")
            log.warning("%s", reason)
            notes.append(f"It {reason}.")
        notes.append(_explains(explained(network, data)))
    plain = network.convention.plain
    config = CheckpointConfig(
        family="flow" if plain else "diffusion",
        name=name,
        media="image" if len(network.shape) == 3 and network.shape[0] in COLOURS else "vector",
        classes=classes or tuple(map(str, range(network.classes))),
        network=found.network,
        provenance={"imported": list(notes)},
    )
    save(folder, config, network)
    return Imported(folder, config, tuple(notes), found.plugin)


def _built(found: Recognised) -> tuple[Recognised, FrozenVelocity]:
    """The network with its weights; and what was recognised, with the null label as it was found.

    A network that has labels but no null one fails with the null label alone.
    """
    open_question = found.network.get("classes") and "null_label" not in found.network
    try:
        return found, _loaded(found)
    except ValueError:
        if not open_question:
            raise
        other = replace(found, network={**found.network, "null_label": False})
        try:
            return other, _loaded(other)
        except ValueError:
            pass
        raise


def _loaded(found: Recognised) -> FrozenVelocity:
    network = build(found.network)
    assert isinstance(network, FrozenVelocity)
    state = network.network.state_dict()
    stored = {name: z for name, z in found.tensors.items() if isinstance(z, Stored)}
    if stored:
        check_stored(stored, state)
    tensors = {name: _read(z) for name, z in found.tensors.items()}
    network.network.load_state_dict(with_tied(tensors, state))
    network.verify()
    return network


def _read(tensor: Stored | Tensor) -> Tensor:
    return tensor.read() if isinstance(tensor, Stored) else tensor


def _noise(network: FrozenVelocity) -> Arrays:
    """Samples that are nothing but noise, to try a network with."""
    samples = torch.randn(TRIED, *network.shape, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(TRIED) % max(network.classes, 1)
    return Arrays(samples, labels, (), "noise")


def _described(network: FrozenVelocity) -> str:
    convention = network.convention
    path: dict[str, Any] = convention.path.description()
    kind = path.pop("kind")
    how = f" ({', '.join(f'{k} {z}' for k, z in path.items())})" if path else ""
    count = sum(z.numel() for z in network.network.parameters())
    return (
        f"Samples of shape {[*network.shape]}, {count:,} parameters; it predicts "
        f"{convention.prediction} on the path {kind}{how}, and is told the time {convention.time}."
    )


def _explains(found: Explained) -> str:
    return (
        f"On the data it explains {found.share:.1%} of what a velocity must say (misfit "
        f"{found.misfit:.2f}; 0 is right, 0.3 the most that is accepted)."
    )
