"""The codec of sequences: text, and files of the molecules that a SMILES means. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sureflow.core.card import ModelCard
from sureflow.core.codec import AnyArray, Codec
from sureflow.families.tokens import molecule

TEXT, SMILES, SDF, SVG, PNG = "text", "smiles", "sdf", "svg", "png"

MOLECULES = "smiles"
"""The notation whose texts are molecules."""


class TokenCodec(Codec):
    """Encodes code points ``[length]`` as text; of molecules also as ``.sdf`` and drawings.

    The text of a sample that is no molecule is given all the same; its other files say so.
    """

    media_types: ClassVar[Mapping[str, str]] = {
        TEXT: "text/plain; charset=utf-8",
        SMILES: "chemical/x-daylight-smiles",
        SDF: "chemical/x-mdl-sdfile",
        SVG: "image/svg+xml",
        PNG: "image/png",
        **Codec.media_types,
    }
    standalone = (TEXT, SMILES, SDF, SVG, PNG)

    def formats(self, card: ModelCard) -> tuple[str, ...]:
        """The formats of a model's samples: those of molecules only where RDKit is installed."""
        if card.notation != MOLECULES:
            return (TEXT, "list", "npy")
        drawn = (SDF, SVG, PNG) if molecule.available() else ()
        return (SMILES, TEXT, *drawn, "list", "npy")

    def file(self, data: AnyArray, format: str) -> bytes:
        """Encode a sample as a file."""
        if format in (TEXT, SMILES):
            return f"{text_of(data)}\n".encode()
        if format == SDF:
            return molecule.sdf(text_of(data)).encode()
        if format == SVG:
            return molecule.svg(text_of(data)).encode()
        return molecule.png(text_of(data)) if format == PNG else super().file(data, format)

    def encode(self, data: AnyArray, format: str) -> Any:
        """Encode a sample for JSON: texts as they are, files in base64."""
        if format in (TEXT, SMILES) and np.isfinite(data).all():
            return text_of(data)
        return super().encode(data, format)


def text_of(codes: AnyArray) -> str:
    """The text of code points ``[length]``, up to the first 0."""
    found = codes.astype(np.int64).tolist()
    end = found.index(0) if 0 in found else len(found)
    return "".join(map(chr, found[:end]))
