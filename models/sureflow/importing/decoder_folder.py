"""Reads the folder of an autoencoder of diffusers, of which the decoder is taken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from sureflow.importing.diffusers_model import CONFIG, naming
from sureflow.importing.json_file import read_json
from sureflow.importing.recognised import RecognisedDecoder
from sureflow.importing.shards import find_weights
from sureflow.importing.stored import check_stored
from sureflow.networks.foreign.config_limits import check_config
from sureflow.networks.foreign.diffusers import class_of, parameters_of
from sureflow.networks.foreign.diffusers_decoder import DECODERS, UNUSED, diffusers_decoder

SCALE, SHIFT = "scaling_factor", "shift_factor"


def read_decoder(
    folder: Path, root: Path, latent: Sequence[int], variant: str | None = None
) -> RecognisedDecoder:
    """Recognise the decoder of an autoencoder; its encoder is left out.

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
    read = read_json(file, root)
    with naming(file):
        name = str(read.get("_class_name"))[:100]
        known = parameters_of(class_of(name, DECODERS))
        written = {field: z for field, z in check_config(read).items() if field in known}
        with torch.device("meta"):
            module: Any = diffusers_decoder(name, written)
            try:
                shape = module(torch.empty(1, *latent)).sample.shape[1:]
            except Exception as error:  # its layers raise anything
                raise ValueError(f"does not decode latents {[*latent]}: {error}") from error
    stored = {
        name: z
        for name, z in find_weights(folder, root, variant).items()
        if name.partition(".")[0] not in UNUSED
    }
    with naming(folder):
        check_stored(stored, module.state_dict())
    scale, shift = module.config.get(SCALE), module.config.get(SHIFT)
    config = {
        "base": "diffusers_decoder",
        "arguments": {"name": name, "config": written},
        "shape": [*shape],
        "scale": 1.0 if scale is None else scale,
        "shift": 0.0 if shift is None else shift,
        "output": "sample",
    }
    return RecognisedDecoder(config, stored)
