"""From raw uncertainty to a confidence in [0, 1]."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import safe_open
from safetensors.numpy import save_file

from sureflow.conformal import Conformal
from sureflow.early import SHARES, Early
from sureflow.scores.catalogue import DEFAULT_SCORE

LEVELS = 257
"""Quantiles stored per table; enough to place a sample within half a percent."""

QUANTILES = "quantiles/"
"""Prefix of the tables in the file, one per score."""

EARLY = "early/"
"""Prefix of the parts of early tables."""


@dataclass(frozen=True)
class Calibration:
    """Quantiles of every score among a model's own reference draws.

    Tables are kept per guidance scale, since guidance changes the scale of most scores, and per
    class: confidence compares a sample with others of its class. A score that needs a condition
    has NaN in the last row. Scores barely depend on solver and step count, so those are not part
    of the key.

    Attributes:
        score: Name of the score that the model is best judged by.
        guidance: Scales with a table, ascending, ``[G]``.
        quantiles: By name of the score: ascending values at levels 0 .. 1,
            ``[G, classes + 1, LEVELS]``; the last row is for samples without a condition.
        settings: How the reference draws were made: method, steps, draws, seed.
        early: When lanes may be abandoned, by name of the score.
        conformal: What a judge has certified; ``None`` if none was asked.
    """

    score: str
    guidance: npt.NDArray[np.float64]
    quantiles: dict[str, npt.NDArray[np.float64]]
    settings: dict[str, Any]
    early: dict[str, Early] = field(default_factory=dict)
    conformal: Conformal | None = None

    @property
    def classes(self) -> int:
        """Number of classes that the tables are for."""
        rows: int = next(iter(self.quantiles.values())).shape[1]
        return rows - 1

    def confidence(
        self, score: str, uncertainty: float, label: int | None, guidance: float
    ) -> float | None:
        """Share of reference draws that are less sure, in [0, 1]; higher is surer.

        Exact at the calibrated guidance scales and interpolated between them; outside their range,
        and for scores without a table, there is none.
        """
        table = self.table(score, label, guidance)
        if table is None or not np.isfinite(uncertainty):
            return None
        return 1 - float(np.interp(uncertainty, table, np.linspace(0, 1, len(table))))

    def table(
        self, score: str, label: int | None, guidance: float
    ) -> npt.NDArray[np.float64] | None:
        """Ascending values of a score at levels 0 .. 1, ``[LEVELS]``, or ``None``.

        A guided variance is ``g^2 a + (1 - g)^2 b``, so between two scales each quantile is taken
        as that function of ``g`` through its values there.
        """
        tables = self.quantiles.get(score)
        if tables is None or not self.guidance[0] <= guidance <= self.guidance[-1]:
            return None
        row = self.classes if label is None else label
        after = int(np.searchsorted(self.guidance, guidance))
        table: npt.NDArray[np.float64] = tables[after, row]
        if guidance != self.guidance[after]:
            pair = self.guidance[after - 1 : after + 1]
            scales = np.stack([pair, 1 - pair])
            left, right = np.linalg.lstsq(scales**2, np.array([guidance, 1 - guidance]) ** 2)[0]
            table = np.maximum.accumulate(left * tables[after - 1, row] + right * table)
        return table if np.isfinite(table).all() else None

    def summary(self) -> dict[str, Any]:
        """What a model card says about it."""
        return {
            "score": self.score,
            "scores": sorted(self.quantiles),
            "guidance": [float(g) for g in self.guidance],
            "early": [*self.early],
            **self.settings,
            **({} if self.conformal is None else {"conformal": self.conformal.summary()}),
        }

    def save(self, path: Path) -> None:
        """Write it next to a checkpoint."""
        tables = {f"{QUANTILES}{name}": table for name, table in self.quantiles.items()}
        tables |= {
            f"{EARLY}{name}/{part}": array
            for name, bounds in self.early.items()
            for part, array in vars(bounds).items()
        }
        metadata = {"settings": json.dumps(self.settings), "score": self.score}
        if self.conformal is not None:
            tables |= self.conformal.tensors()
            metadata |= self.conformal.metadata()
        save_file({"guidance": self.guidance, **tables}, path, metadata=metadata)
        path.chmod(0o644)

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read it back.

        Raises:
            ValueError: The file lacks a tensor, their shapes do not fit together, or it
                recommends a score for which it has no table.
        """
        with safe_open(path, "np") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
        guidance = tensors.pop("guidance", None)
        quantiles = {
            name.removeprefix(QUANTILES): table
            for name, table in tensors.items()
            if name.startswith(QUANTILES)
        }
        score = metadata.get("score", DEFAULT_SCORE)
        if guidance is None or score not in quantiles:
            raise ValueError(f"lacks guidance or {QUANTILES}{score}")
        shapes = {table.shape[:-1] for table in quantiles.values()}
        rows = {shape[:1] for shape in shapes if len(shape) == 2}
        if len(shapes) != 1 or rows != {guidance.shape}:
            raise ValueError(f"has shapes {guidance.shape} and {sorted(shapes)}")
        settings = json.loads(metadata.get("settings", "{}"))
        conformal = Conformal.read(tensors, metadata)
        return cls(score, guidance, quantiles, settings, _early(tensors), conformal)


def _early(tensors: dict[str, npt.NDArray[np.float64]]) -> dict[str, Early]:
    """The early tables among the tensors of a file.

    Raises:
        ValueError: One lacks a part, or its parts do not fit together.
    """
    names = {name.split("/")[1] for name in tensors if name.startswith(EARLY)}
    found = {}
    for name in sorted(names):
        parts = [f"{EARLY}{name}/{part.name}" for part in fields(Early)]
        if not set(parts) <= set(tensors):
            raise ValueError(f"lacks a part of {EARLY}{name}")
        early = Early(*(tensors[part] for part in parts))
        scales, _, times, _ = early.quantiles.shape if early.quantiles.ndim == 4 else (0, 0, 0, 0)
        if early.bounds.shape != (len(early.guidance), len(SHARES), len(early.times)) or (
            scales,
            times,
        ) != (len(early.guidance), len(early.times)):
            raise ValueError(f"{EARLY}{name} has parts that do not fit together")
        found[name] = early
    return found


def tabulate(uncertainties: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Quantiles of reference uncertainties ``[draws]``, ascending, ``[LEVELS]``."""
    table: npt.NDArray[np.float64] = np.quantile(uncertainties, np.linspace(0, 1, LEVELS))
    return table
