"""Texts of sequences, and the molecules that they mean by RDKit, if it is installed."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import PIL.Image

from ._exceptions import NotAnImage

TEXT, SMILES = "text/plain; charset=utf-8", "chemical/x-daylight-smiles"
TEXTS = (TEXT, SMILES)
"""Media types whose data are texts as they are."""

SIZE = 240, 180
"""Pixels of a drawing."""


def text_of(codes: np.ndarray[Any, np.dtype[np.float32]]) -> str:
    """The text of code points, up to the first 0."""
    found = codes.astype(np.int64).tolist()
    end = found.index(0) if 0 in found else len(found)
    return "".join(map(chr, found[:end]))


def molecule_of(smiles: str) -> Any:
    """The molecule, an ``rdkit.Chem.Mol``; ``None`` if the text means none.

    Raises:
        ImportError: RDKit is not installed.
    """
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        return Chem.MolFromSmiles(smiles) if smiles else None


def drawing(smiles: str) -> PIL.Image.Image:
    """A drawing of the molecule; the text, if it means none.

    Raises:
        NotAnImage: RDKit is not installed.
    """
    image = PIL.Image.open(io.BytesIO(_drawn(smiles, "MolDraw2DCairo")))
    image.load()
    return image


def molecule_svg(smiles: str) -> str | None:
    """Return a drawing of a molecule as SVG; ``None`` if the SMILES means none.

    Raises:
        NotAnImage: RDKit is not installed.
    """
    drawn = str(_drawn(smiles, "MolDraw2DSVG"))
    return None if molecule_of(smiles) is None else drawn


def _drawn(smiles: str, kind: str) -> Any:
    """A drawing on a canvas of RDKit of this kind, as it is written to a file."""
    try:
        from rdkit.Chem.Draw import rdMolDraw2D
        from rdkit.Geometry import Point2D
    except ImportError as error:
        raise NotAnImage("RDKit draws molecules, and it is not installed") from error
    found, canvas = molecule_of(smiles), getattr(rdMolDraw2D, kind)(*SIZE)
    if found is not None:
        rdMolDraw2D.PrepareAndDrawMolecule(canvas, found)
    else:
        canvas.SetFontSize(10)
        middle = Point2D(SIZE[0] / 2, SIZE[1] / 2)
        canvas.DrawString(f"not valid: {smiles}", middle, rawCoords=True)
    canvas.FinishDrawing()
    return canvas.GetDrawingText()
