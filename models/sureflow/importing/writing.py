"""Writes a foreign model as a checkpoint folder, after a look at what it answers."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from sureflow.checkpoint import CheckpointConfig, CheckpointError, load, save
from sureflow.importing.recognised import Recognised, RecognisedEncoder
from sureflow.importing.stored import Stored, check_stored
from sureflow.networks import FrozenVelocity, Staged, VelocityNetwork, build
from sureflow.sampling.evaluator import main_head
from sureflow.training.arrays import Arrays, arrays_in
from sureflow.training.latent_data import latents_of
from sureflow.training.soundness import Assessment, assess, check_finite
from sureflow.training.suited import suited
from sureflow.weights import with_tied

log = logging.getLogger(__name__)

COLOURS = (1, 3)
"""Numbers of channels of an image; other arrays of three dimensions are latents."""

SHOWN = 4
"""Most numbers of a table that are shown."""

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
    data: Path | None = None,
    force: bool = False,
    replace_folder: bool = False,
    device: str | torch.device = "cpu",
) -> Imported:
    """Build the network, load its weights, try it, and write its checkpoint folder.

    Args:
        folder: The folder to write.
        name: Name of the model in requests.
        found: What was recognised. Where it does not say whether the network understands the null
            label, that is tried.
        classes: Names of its classes; by default their numbers.
        data: File of data that it was trained on, to see whether it predicts what is said. Without
            any, it is only asked whether its answers are finite.
        force: Whether to write also a network that does not predict that of these data.
        replace_folder: Whether to write a folder anew that is there already, with what was fitted.
        device: Where the network is tried.

    Raises:
        ValueError: The weights are not the network's, it cannot be evaluated, is not finite, or
            does not predict what is said; the message begins with the field or the file.
    """
    if folder.exists() and not replace_folder:
        raise ValueError(f"out: {folder} is there; --replace writes it anew, without its fit")
    found, whole = _built(found, device)
    network = whole.denoiser if isinstance(whole, Staged) else whole
    assert isinstance(network, FrozenVelocity)
    notes = [*found.notes, _described(network)]
    if not network.null_label:
        notes.append("It knows no null label, so that every sample needs a class.")
    classes = classes or tuple(map(str, range(network.classes)))
    samples = None if data is None else suited(latents_of(arrays_in(data, classes), whole), whole)
    check_finite(whole, samples or _noise(network))
    doubt = ""
    if samples is None:
        notes.append("No data were given, so its convention was not checked; --data does.")
    else:
        found_out = assess(whole, samples)
        if found_out.problem:
            if not force:
                raise ValueError(f"network: {found_out.problem}; --force imports it all the same")
            log.warning("%s", found_out.problem)
            doubt = f"its network {found_out.problem}"
            notes.append(f"It {found_out.problem}.")
        notes.append(_explains(found_out))
    decoder = found.stages.get("decoder")
    shape = network.shape if decoder is None else decoder.config["shape"]
    config = CheckpointConfig(
        family="flow" if network.convention.plain else "diffusion",
        name=name,
        media="image" if len(shape) == 3 and shape[0] in COLOURS else "vector",
        classes=classes,
        network=_config(found),
        provenance={"imported": notes, **({"doubt": doubt} if doubt else {})},
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".", dir=folder.parent) as made:
        fresh = Path(made) / name
        save(fresh, config, whole)
        notes.append(_rows(fresh, device))
        if folder.exists():
            folder.rename(Path(made) / "old")
        fresh.rename(folder)
    return Imported(folder, config, tuple(notes), found.plugin)


def _rows(folder: Path, device: str | torch.device) -> str:
    """Load the checkpoint as a server does, and say in what blocks its rows are evaluated.

    Raises:
        ValueError: A row's answer depends on the rows beside it, or is another one each time.
    """
    try:
        model = load(folder, device)
        buckets = model.engine.buckets()
        sizes = {bucket: main_head(model, bucket).sizes for bucket in buckets}
    except ValueError as error:
        raise ValueError(f"network: {error}") from error
    except CheckpointError as error:
        raise ValueError(f"network: {error}".replace(f"{folder}: ", "")) from error
    blocks = [
        f"{', '.join(map(str, found))} at a time{f' at {bucket}' if bucket else ''}"
        for bucket, found in sizes.items()
    ]
    return f"Its rows are evaluated {', '.join(blocks)}, each with the same bits."


def _config(found: Recognised) -> dict[str, Any]:
    if not found.stages:
        return found.network
    stages = {name: stage.config for name, stage in found.stages.items()}
    return {"kind": "staged", "denoiser": found.network, **stages}


def _built(found: Recognised, device: str | torch.device) -> tuple[Recognised, VelocityNetwork]:
    """The network with its weights; and what was recognised, with the null label as it was found.

    A network that has labels but no null one fails with the null label alone.
    """
    open_question = found.network.get("classes") and "null_label" not in found.network
    try:
        return found, _loaded(found).to(device)
    except ValueError:
        if not open_question:
            raise
        other = replace(found, network={**found.network, "null_label": False})
        try:
            return other, _loaded(other).to(device)
        except ValueError:
            pass
        raise


def _loaded(found: Recognised) -> VelocityNetwork:
    network = build(_config(found))
    frozen: Any = network
    if isinstance(network, Staged):
        frozen = network.denoiser
        for name, stage in found.stages.items():
            _load(getattr(network, name).module, stage.tensors)
            if network.encoder is not None and isinstance(stage, RecognisedEncoder):
                network.encoder.hold(stage.tokenizers)
                network.join(network.encoder)
        network.verify()
    _load(frozen.network, found.tensors)
    frozen.verify()
    return network


def _load(module: nn.Module, tensors: Mapping[str, Stored | Tensor]) -> None:
    """Load weights into a module, after a check of all their names, shapes and types."""
    state = module.state_dict()
    stored = {name: z for name, z in tensors.items() if isinstance(z, Stored)}
    if stored:
        check_stored(stored, state)
    read = {name: _read(z) for name, z in tensors.items()}
    module.load_state_dict(with_tied(read, state))


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
    how = f" ({', '.join(f'{k} {_said(z)}' for k, z in path.items())})" if path else ""
    count = sum(z.numel() for z in network.network.parameters())
    shapes = " or ".join(str([*shape]) for shape in network.shapes)
    return (
        f"Samples of shape {shapes}, {count:,} parameters; it predicts "
        f"{convention.prediction} on the path {kind}{how}, and is told the time {convention.time}."
    )


def _said(value: object) -> str:
    """A value of a path in few words: of a table its ends."""
    if isinstance(value, list) and len(value) > SHOWN:
        return f"{value[0]:g} to {value[-1]:g} in {len(value)} entries"
    return str(value)


def _explains(found: Assessment) -> str:
    return (
        f"On the data it explains {found.share:.1%} of what a velocity must say (misfit "
        f"{found.misfit:.2f}; 0 is right, 2 the opposite)."
    )
