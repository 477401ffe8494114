"""The fitted time grid of a checkpoint: where to place a fixed number of steps."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save_file
from torch import Tensor

from sureflow.core.arrays import Floats
from sureflow.core.provenance import SETTINGS, noted

STEEPEST = 5.0
"""Largest logarithm of the density, so that the sizes of two steps differ by e^10 at most."""


@dataclass(frozen=True)
class Grid:
    """A density over flow time; every step of a grid covers an equal share of it.

    The logarithm of the density is piecewise linear between equally spaced knots on [0, 1], so
    its integral and the inverse of the integral are known in closed form. A constant density gives
    the uniform grid.

    Attributes:
        log_density: Logarithm of the density at the knots, ``[K]``, K >= 2; a constant added to it
            changes nothing.
        settings: How it was fitted: methods, step counts, draws, seed.
    """

    log_density: Floats
    settings: dict[str, Any] = field(default_factory=dict)
    _known: dict[int, Floats] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the density.

        Raises:
            ValueError: The density has the wrong shape, is not finite, or is too steep.
        """
        shape = self.log_density.shape
        if len(shape) != 1 or shape[0] < 2:
            raise ValueError(f"log_density has shape {list(shape)}, not [K] with K >= 2")
        if not (np.abs(self.log_density) <= STEEPEST).all():
            raise ValueError(f"log_density is not within -{STEEPEST:g} .. {STEEPEST:g}")

    def times(self, steps: int) -> Floats:
        """Grid of ``steps`` steps: times ``[steps + 1]``, ascending from exactly 0 to exactly 1."""
        if steps not in self._known:
            times = self._inverse(np.arange(steps + 1) / steps)
            times[0], times[-1] = 0, 1
            times.flags.writeable = False
            self._known[steps] = times
        return self._known[steps]

    def _inverse(self, share: Floats) -> Floats:
        """Times up to which the density has these shares of its integral.

        On a piece of unit length where the logarithm goes from ``a`` to ``a + b``, the density is
        ``exp(a + b s)`` and its integral up to ``s`` is ``exp(a) expm1(b s) / b``.
        """
        a, b = self.log_density[:-1], np.diff(self.log_density)
        b = np.where(np.abs(b) < 1e-30, 1e-30, b)
        sums = np.append(0, np.cumsum(np.exp(a) * np.expm1(b) / b))
        wanted = share * sums[-1]
        piece = np.clip(np.searchsorted(sums, wanted, side="right") - 1, 0, len(a) - 1)
        a, b = a[piece], b[piece]
        within: Floats = np.log1p((wanted - sums[piece]) * b * np.exp(-a)) / b
        times: Floats = (piece + np.clip(within, 0, 1)) / (len(sums) - 1)
        return times

    def tensors(self) -> dict[str, Tensor]:
        """The tensors whose digest identifies this grid."""
        return {"log_density": torch.tensor(self.log_density)}

    def save(self, path: Path) -> None:
        """Write the grid into a checkpoint folder."""
        metadata = {SETTINGS: json.dumps(self.settings)}
        save_file({"log_density": self.log_density}, path, metadata=metadata)
        path.chmod(0o644)

    @classmethod
    def load(cls, path: Path) -> Grid:
        """Read a grid.

        Raises:
            ValueError: The file lacks the tensor, or the tensor is not a density.
        """
        with safe_open(path, "np") as file:
            if list(file.keys()) != ["log_density"]:
                raise ValueError(f"holds {sorted(file.keys())}, not log_density")
            log_density = file.get_tensor("log_density")
            settings = noted(file.metadata())
        if log_density.dtype != np.float64:
            raise ValueError(f"log_density is {log_density.dtype}, not float64")
        return cls(log_density, settings)


def uniform(steps: int) -> Floats:
    """Uniform grid: times of ``steps`` equal steps, ``[steps + 1]``."""
    times: Floats = np.arange(steps + 1) / steps
    return times
