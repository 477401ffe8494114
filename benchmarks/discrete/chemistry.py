"""What RDKit says of molecules: properties, how different they are, and how far from others."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from rdkit import Chem, DataStructs, RDConfig
from rdkit.Chem import QED, Crippen, Descriptors, rdFingerprintGenerator
from scipy.stats import wasserstein_distance

from sureflow.families.tokens.molecule import molecule_of

PROPERTIES = ("QED", "SA", "logP", "weight")
FINGERPRINTS = 1000
"""Molecules by which diversity is measured."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Judged:
    """What RDKit says of texts, in their order.

    Attributes:
        texts: The texts.
        canonical: The canonical SMILES of each; empty where the text means no molecule.
        properties: :data:`PROPERTIES` ``[n, 4]``; NaN likewise.
    """

    texts: tuple[str, ...]
    canonical: tuple[str, ...]
    properties: Floats

    @property
    def valid(self) -> npt.NDArray[np.bool_]:
        """Which texts mean a molecule, ``[n]``."""
        return np.array([bool(one) for one in self.canonical])

    def where(self, chosen: npt.NDArray[np.bool_]) -> Judged:
        """Those that are chosen."""
        at = np.flatnonzero(chosen).tolist()
        texts, canonical = (tuple(z[i] for i in at) for z in (self.texts, self.canonical))
        return Judged(texts, canonical, self.properties[chosen])


def judge(texts: Sequence[str]) -> Judged:
    """Ask RDKit about texts."""
    molecules = [molecule_of(text) for text in texts]
    canonical = ["" if one is None else Chem.MolToSmiles(one) for one in molecules]
    nothing = [np.nan] * len(PROPERTIES)
    found = [nothing if one is None else properties_of(one) for one in molecules]
    shape = len(texts), len(PROPERTIES)
    return Judged((*texts,), (*canonical,), np.array(found, np.float64).reshape(shape))


def properties_of(molecule: Any) -> list[float]:
    """Its :data:`PROPERTIES`: drug-likeness, how hard it is to make, and so on."""
    return [
        float(QED.qed(molecule)),
        float(_accessibility()(molecule)),
        float(Crippen.MolLogP(molecule)),
        float(Descriptors.MolWt(molecule)),
    ]


@cache
def _accessibility() -> Any:
    """The score of synthetic accessibility (Ertl and Schuffenhauer, 2009), of RDKit's Contrib."""
    sys.path.append(os.path.join(RDConfig.RDContribDir, "SA_Score"))
    import sascorer

    return sascorer.calculateScore


def diversity(canonical: Sequence[str]) -> float:
    """One less the mean Tanimoto similarity of pairs, by Morgan fingerprints of radius 2."""
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=1024)
    prints = [generator.GetFingerprint(Chem.MolFromSmiles(z)) for z in canonical[:FINGERPRINTS]]
    if len(prints) < 2:
        return float("nan")
    total = sum(
        sum(DataStructs.BulkTanimotoSimilarity(one, prints[:number]))
        for number, one in enumerate(prints)
    )
    return 1 - total / (len(prints) * (len(prints) - 1) / 2)


def distances(found: Floats, reference: Floats) -> dict[str, float]:
    """Wasserstein-1 distances of each property, in its deviations among the reference."""
    kept = found[np.isfinite(found).all(1)]
    return {
        name: float(wasserstein_distance(kept[:, at], reference[:, at]) / reference[:, at].std())
        for at, name in enumerate(PROPERTIES)
        if len(kept)
    }
