"""From raw uncertainty to a confidence in [0, 1]."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import safe_open
from safetensors.numpy import save_file

LEVELS = 257
"""Quantiles stored per table; enough to place a sample within half a percent."""


@dataclass(frozen=True)
class Calibration:
    """Quantiles of the uncertainty among a model's own reference draws.

    Tables are kept per guidance scale, since guidance changes the scale of the uncertainty, and
    per class: confidence compares a sample with others of its class. The integral itself barely
    depends on solver and step count, so those are not part of the key.

    Attributes:
        guidance: Scales with a table, ascending, ``[G]``.
        quantiles: Ascending uncertainties at levels 0 .. 1, ``[G, classes + 1, LEVELS]``; the last
            row is for samples without a condition.
        settings: How the reference draws were made: method, steps, draws, seed.
    """

    guidance: npt.NDArray[np.float64]
    quantiles: npt.NDArray[np.float64]
    settings: dict[str, Any]

    def confidence(self, uncertainty: float, label: int | None, guidance: float) -> float | None:
        """Share of reference draws that are less sure, in [0, 1]; higher is surer.

        Exact at the calibrated guidance scales and interpolated between them; outside their range
        there is none.
        """
        if not self.guidance[0] <= guidance <= self.guidance[-1]:
            return None
        row = self.quantiles.shape[1] - 1 if label is None else label
        levels = np.linspace(0, 1, self.quantiles.shape[-1])
        return 1 - float(np.interp(uncertainty, self._table(row, guidance), levels))

    def _table(self, row: int, guidance: float) -> npt.NDArray[np.float64]:
        """Quantiles at any guidance scale within the range.

        A guided variance is ``g^2 a + (1 - g)^2 b``, so each quantile is taken as that function of
        ``g`` through its values at the two neighbouring scales.
        """
        after = int(np.searchsorted(self.guidance, guidance))
        high: npt.NDArray[np.float64] = self.quantiles[after, row]
        if guidance == self.guidance[after]:
            return high
        pair = self.guidance[after - 1 : after + 1]
        scales = np.stack([pair, 1 - pair])
        left, right = np.linalg.lstsq(scales**2, np.array([guidance, 1 - guidance]) ** 2)[0]
        table = left * self.quantiles[after - 1, row] + right * high
        return np.maximum.accumulate(table)

    def summary(self) -> dict[str, Any]:
        """What a model card says about it."""
        return {"guidance": [float(g) for g in self.guidance], **self.settings}

    def save(self, path: Path) -> None:
        """Write it next to a checkpoint."""
        save_file(
            {"guidance": self.guidance, "quantiles": self.quantiles},
            path,
            metadata={"settings": json.dumps(self.settings)},
        )
        path.chmod(0o644)

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read it back.

        Raises:
            ValueError: The file lacks a tensor, or their shapes do not fit together.
        """
        with safe_open(path, "np") as file:
            missing = {"guidance", "quantiles"} - set(file.keys())
            if missing:
                raise ValueError(f"lacks {sorted(missing)}")
            guidance, quantiles = file.get_tensor("guidance"), file.get_tensor("quantiles")
            settings = json.loads((file.metadata() or {}).get("settings", "{}"))
        if guidance.ndim != 1 or quantiles.ndim != 3 or len(guidance) != len(quantiles):
            raise ValueError(f"has shapes {guidance.shape} and {quantiles.shape}")
        return cls(guidance, quantiles, settings)


def tabulate(uncertainties: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Quantiles of reference uncertainties ``[draws]``, ascending, ``[LEVELS]``."""
    table: npt.NDArray[np.float64] = np.quantile(uncertainties, np.linspace(0, 1, LEVELS))
    return table
