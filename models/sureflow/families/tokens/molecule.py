"""Molecules by RDKit, of the extra ``molecules``: files and drawings. Free of torch."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

WIDTH, HEIGHT = 300, 240
"""Pixels of a drawing."""


def available() -> bool:
    """Whether RDKit is installed."""
    return find_spec("rdkit") is not None


def molecule_of(smiles: str) -> Any:
    """The molecule of a SMILES, as RDKit has it; ``None`` if it means none."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        return Chem.MolFromSmiles(smiles) if smiles else None


def sdf(smiles: str) -> str:
    """An SD file with two-dimensional coordinates; of no molecule an empty record that says so."""
    from rdkit import Chem
    from rdkit.Chem import rdDepictor

    found = molecule_of(smiles)
    valid = found is not None
    found = found if valid else Chem.Mol()
    if valid:
        rdDepictor.Compute2DCoords(found)
    block: str = Chem.MolToMolBlock(found)
    facts = {"SMILES": smiles, "valid": str(valid).lower()}
    said = "".join(f">  <{name}>\n{value}\n\n" for name, value in facts.items())
    return f"{block}{said}$$$$\n"


def svg(smiles: str) -> str:
    """A drawing; of no molecule the text."""
    from rdkit.Chem.Draw import rdMolDraw2D

    return str(_drawn(rdMolDraw2D.MolDraw2DSVG(WIDTH, HEIGHT), smiles))


def png(smiles: str) -> bytes:
    """A drawing; of no molecule the text."""
    from rdkit.Chem.Draw import rdMolDraw2D

    found: bytes = _drawn(rdMolDraw2D.MolDraw2DCairo(WIDTH, HEIGHT), smiles)
    return found


def _drawn(canvas: Any, smiles: str) -> Any:
    from rdkit.Chem.Draw import rdMolDraw2D
    from rdkit.Geometry import Point2D

    found = molecule_of(smiles)
    if found is not None:
        rdMolDraw2D.PrepareAndDrawMolecule(canvas, found)
    else:
        canvas.SetFontSize(14)
        canvas.DrawString(f"not valid: {smiles}", Point2D(WIDTH / 2, HEIGHT / 2), rawCoords=True)
    canvas.FinishDrawing()
    return canvas.GetDrawingText()
