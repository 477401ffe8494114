"""From lists of SMILES to training data."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

COUNT, LENGTH = 600_000, 28
"""Molecules that are taken at most, and characters of the longest: 6 % of MOSES are no longer."""

LOGP = "logp"
"""The condition: the octanol-water partition coefficient by Crippen's method (Wildman and Crippen,
1999), as RDKit computes it."""


def moses_folder() -> Path:
    """The folder of MOSES's lists in the package ``molsets``, whose code is not used.

    Raises:
        FileNotFoundError: It is not installed; says how to get it.
    """
    found = find_spec("moses")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("MOSES is missing: run `make data` (installs molsets)")
    return Path(found.submodule_search_locations[0]) / "dataset" / "data"


def read_smiles(file: Path) -> list[str]:
    """The SMILES of a file, one a line, which may be compressed and begin with a title.

    Further columns after a comma are ignored.
    """
    data = file.read_bytes()
    text = (gzip.decompress(data) if file.suffix == ".gz" else data).decode()
    found = [line.split(",")[0].strip() for line in text.splitlines()]
    return [text for text in found if text and text != "SMILES"]


def chosen(everything: Sequence[str], count: int, length: int, seed: int) -> list[str]:
    """So many of those that are not too long, at random."""
    fitting = [text for text in everything if len(text) <= length]
    order = np.random.default_rng(seed).permutation(len(fitting))[:count]
    return [fitting[at] for at in order]


def codes_of(texts: Sequence[str], length: int) -> npt.NDArray[np.float32]:
    """Code points of texts, 0 beyond their ends, ``[n, length]``.

    Raises:
        ValueError: A text is longer.
    """
    found = np.zeros((len(texts), length), np.float32)
    for row, text in zip(found, texts, strict=True):
        if len(text) > length:
            raise ValueError(f"{text!r} has more than {length} characters")
        row[: len(text)] = [*map(ord, text)]
    return found


def written(texts: Sequence[str], length: int, out: Path) -> None:
    """Write training data: ``samples [n, length]`` and ``conditions.logp [n, 1]``."""
    from rdkit import Chem
    from rdkit.Chem import Crippen

    logp = np.array([[Crippen.MolLogP(Chem.MolFromSmiles(text))] for text in texts], np.float32)
    out.parent.mkdir(parents=True, exist_ok=True)
    tensors = {"samples": codes_of(texts, length), f"conditions.{LOGP}": logp}
    save_file(tensors, out)
