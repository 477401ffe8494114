"""Potentials whose answers are kept, so that a run that was interrupted goes on from there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sureflow.evaluation.crystals.potential import STEPS, Potential
from sureflow.training.crystals.crystal import Crystal
from sureflow.training.crystals.relaxation import Relaxed
from sureflow.training.crystals.relaxations import record_of, relaxed_of


class Kept(Potential):
    """A potential with a file of JSON lines, one for each answer.

    Args:
        name: Of the potential.
        folder: Where the file lies.
    """

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{name}.jsonl"
        lines = self._path.read_text().split("\n")[:-1] if self._path.exists() else []
        self._found: dict[str, Any] = dict(json.loads(line) for line in lines)

    def energy(self, crystal: Crystal) -> float:
        """See :meth:`~sureflow.evaluation.crystals.potential.Potential.energy`."""
        ask = super().energy
        found = self._kept("energy", crystal, lambda: {"energy": ask(crystal)})
        return float(found["energy"])

    def relaxed(self, crystal: Crystal, steps: int = STEPS) -> Relaxed:
        """See :meth:`~sureflow.evaluation.crystals.potential.Potential.relaxed`."""
        ask = super().relaxed
        what = f"relaxed {steps}"
        return relaxed_of(self._kept(what, crystal, lambda: record_of(ask(crystal, steps))))

    def _kept(self, what: str, crystal: Crystal, ask: Callable[[], dict[str, Any]]) -> Any:
        """What was found before, or is found now; what failed fails again."""
        key = f"{what} {_digest(crystal)}"
        if key not in self._found:
            try:
                found = ask()
            except (ArithmeticError, RuntimeError, ValueError, np.linalg.LinAlgError) as error:
                found = {"failed": str(error)}
            self._found[key] = found
            with self._path.open("a") as file:
                file.write(json.dumps([key, found]) + "\n")
        if "failed" in self._found[key]:
            raise ValueError(self._found[key]["failed"])
        return dict(self._found[key])


def _digest(crystal: Crystal) -> str:
    parts = crystal.lattice, crystal.frac, crystal.species
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()[:32]
