"""The schedule of a student: the times at which it is evaluated, for each number of steps."""

from __future__ import annotations

import json
from collections.abc import Mapping
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

LEAST = 1e-3
"""Least distance between two times."""


@dataclass(frozen=True)
class Schedule:
    """The times of a student's evaluations, which were pinned when it was distilled.

    Attributes:
        pinned: By number of steps the times ``[steps + 1]``, ascending from 0 to 1; the last one is
            where the sample is, at which nothing is evaluated.
        settings: How the student was distilled.
    """

    pinned: Mapping[int, Floats]
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the times.

        Raises:
            ValueError: There are none, or those of a number of steps are not what they shall be.
        """
        if not self.pinned:
            raise ValueError("has times for no number of steps")
        for steps, times in self.pinned.items():
            whole = times.shape == (steps + 1,) and times[0] == 0 and times[-1] == 1
            if not whole or not (np.diff(times) >= LEAST).all():
                raise ValueError(f"times of {steps} steps do not ascend from 0 to 1")

    @property
    def step_counts(self) -> tuple[int, ...]:
        """The numbers of steps, ascending."""
        return tuple(sorted(self.pinned))

    def times(self, steps: int) -> Floats:
        """Times ``[steps + 1]`` of a number of steps that is pinned."""
        return self.pinned[steps]

    def tensors(self) -> dict[str, Tensor]:
        """The tensors whose digest identifies this schedule."""
        return {str(steps): torch.tensor(times) for steps, times in self.pinned.items()}

    def save(self, path: Path) -> None:
        """Write the schedule into a checkpoint folder."""
        arrays = {str(steps): np.asarray(times) for steps, times in self.pinned.items()}
        save_file(arrays, path, metadata={SETTINGS: json.dumps(self.settings)})
        path.chmod(0o644)

    @classmethod
    def load(cls, path: Path) -> Schedule:
        """Read a schedule.

        Raises:
            ValueError: The file holds something else.
        """
        with safe_open(path, "np") as file:
            names = list(file.keys())
            if wrong := [name for name in names if not name.isdecimal()]:
                raise ValueError(f"holds {wrong[0]}, which is no number of steps")
            pinned = {int(name): file.get_tensor(name) for name in names}
            settings = noted(file.metadata())
        if wrong := [name for name, times in pinned.items() if times.dtype != np.float64]:
            raise ValueError(f"times of {wrong[0]} steps are not float64")
        return cls(pinned, settings)
