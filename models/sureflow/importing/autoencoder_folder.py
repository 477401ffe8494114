"""Reads the folder of an autoencoder of diffusers, of which decoder and encoder are taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sureflow.importing.diffusers_model import CONFIG, naming
from sureflow.importing.json_file import read_json
from sureflow.importing.recognised import RecognisedStage
from sureflow.importing.shards import find_weights
from sureflow.importing.stored import Stored, check_stored
from sureflow.networks.foreign.config_limits import check_config
from sureflow.networks.foreign.diffusers import class_of, parameters_of
from sureflow.networks.foreign.diffusers_decoder import (
    DECODERS,
    DECODING,
    ENCODING,
    diffusers_decoder,
)
from sureflow.networks.foreign.diffusers_encoder import diffusers_encoder

SCALE, SHIFT = "scaling_factor", "shift_factor"

TINY = "AutoencoderTiny"
"""The class of a decoder that is cheap enough for previews."""


class _Described(NamedTuple):
    """The arguments of the bases of decoder and encoder."""

    name: str
    config: dict[str, Any]


def read_autoencoder(
    folder: Path, root: Path, latent: Sequence[int], variant: str | None = None
) -> dict[str, RecognisedStage]:
    """Recognise the decoder of an autoencoder, and its encoder as ``sample_encoder``.

    There is no encoder if the folder has no weights of it, or if latents have the shape of
    samples, from which nothing could tell them then.

    Args:
        folder: The folder of the autoencoder.
        root: The folder that no file may lie outside of.
        latent: Shape of a latent.
        variant: Which of its weights, such as ``fp16``.

    Raises:
        ValueError: It is none that is served, or does not take such latents; the message begins
            with the file or the folder.
    """
    file = folder / CONFIG
    with naming(file), torch.device("meta"):
        described = _described(file, root)
        decoder: Any = diffusers_decoder(described.name, described.config)
        shape = _shape(lambda z: decoder(z).sample, latent, "decode latents")
    weights = find_weights(folder, root, variant)
    scale, shift = decoder.config.get(SCALE), decoder.config.get(SHIFT)
    config = {
        "base": "diffusers_decoder",
        "arguments": described._asdict(),
        "shape": shape,
        "scale": 1.0 if scale is None else scale,
        "shift": 0.0 if shift is None else shift,
        "output": "sample",
    }
    found = {"decoder": RecognisedStage(config, _checked(weights, ENCODING, decoder, folder))}
    encodes = any(name.startswith(f"{ENCODING[0]}.") for name in weights)
    if not encodes or shape == [*latent]:
        return found
    with naming(file), torch.device("meta"):
        encoder = diffusers_encoder(described.name, described.config)
        made = _shape(encoder, shape, "encode samples")
        if made != [*latent]:
            raise ValueError(f"encodes samples {shape} to {made}; latents have {[*latent]}")
    config = {"base": "diffusers_encoder", "arguments": described._asdict()}
    tensors = _checked(weights, DECODING, encoder, folder)
    return {**found, "sample_encoder": RecognisedStage(config, tensors)}


def read_preview(
    folder: Path, root: Path, latent: Sequence[int], decoder: RecognisedStage
) -> RecognisedStage:
    """Recognise a cheaper decoder of the same latents.

    Raises:
        ValueError: See :func:`read_autoencoder`; or its samples are of another shape.
    """
    found = read_autoencoder(folder, root, latent)["decoder"]
    shape, wanted = found.config["shape"], decoder.config["shape"]
    if shape != wanted:
        raise ValueError(
            f"{folder}: its samples have shape {shape}, and not {wanted} as those of the decoder"
        )
    return found


def find_preview(root: Path, parts: Sequence[Path]) -> Path | None:
    """The one folder of a tiny autoencoder in ``root`` that is none of its parts, if any."""
    tiny = []
    for file in sorted(root.glob(f"*/{CONFIG}")):
        with suppress(ValueError):  # it is nothing that is read
            if file.parent not in parts and read_json(file, root).get("_class_name") == TINY:
                tiny.append(file.parent)
    return tiny[0] if len(tiny) == 1 else None


def _described(file: Path, root: Path) -> _Described:
    """The class of an autoencoder, and those of its arguments that are known here."""
    read = read_json(file, root)
    name = str(read.get("_class_name"))[:100]
    known = parameters_of(class_of(name, DECODERS))
    return _Described(name, {field: z for field, z in check_config(read).items() if field in known})


def _shape(run: Callable[[Tensor], Tensor], given: Sequence[int], what: str) -> list[int]:
    """The shape that a module on the meta device makes of rows of this shape."""
    try:
        return [*run(torch.empty(1, *given)).shape[1:]]
    except Exception as error:  # its layers raise anything
        raise ValueError(f"does not {what} {[*given]}: {error}") from error


def _checked(
    weights: Mapping[str, Stored], unused: Sequence[str], module: nn.Module, folder: Path
) -> dict[str, Stored]:
    """Those of the weights that a module has, all of them."""
    stored = {name: z for name, z in weights.items() if name.partition(".")[0] not in unused}
    with naming(folder):
        check_stored(stored, module.state_dict())
    return stored
