"""From raw uncertainty to a confidence in [0, 1]."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import safe_open
from safetensors.numpy import save_file

from sureflow.confidence.certificate import Conformal
from sureflow.confidence.early import Early
from sureflow.confidence.provenance import SETTINGS, Drawn
from sureflow.confidence.shift import Setting, Shifts, unshifted
from sureflow.families.flow.scores.catalogue import DEFAULT_SCORE, SCORES
from sureflow.families.flow.spec import FlowSpec

LEVELS = 257
"""Quantiles stored per table; enough to place a sample within half a percent."""

FARTHEST = 1e6
"""Ranges of the table by which a place may be outside of it."""

QUANTILES = "quantiles/"
"""Prefix of the tables in the file, one per score."""

EARLY = "early/"
"""Prefix of the parts of early tables."""


@dataclass(frozen=True)
class Calibration:
    """Quantiles of every score among a model's own reference draws.

    Tables are kept per guidance scale, since guidance changes the scale of most scores, and per
    class: confidence compares a sample with others of its class. A score that needs a condition
    has NaN in the last row. They are those of one solver and step count; what others do to
    confidence is measured and put right, see :mod:`sureflow.confidence.shift`.

    Attributes:
        score: Name of the score that the model is best judged by.
        guidance: Scales with a table, ascending, ``[G]``.
        quantiles: By name of the score: ascending values at levels 0 .. 1,
            ``[G, classes + 1, LEVELS]``; the last row is for samples without a condition.
        settings: How the reference draws were made: method, steps, draws, seed.
        early: When lanes may be abandoned, by name of the score.
        conformal: What a judge has certified; ``None`` if none was asked.
        other: What is known of confidence at other solvers and step counts; ``None``: nothing.
    """

    score: str
    guidance: npt.NDArray[np.float64]
    quantiles: dict[str, npt.NDArray[np.float64]]
    settings: dict[str, Any]
    early: dict[str, Early] = field(default_factory=dict)
    conformal: Conformal | None = None
    other: Shifts | None = None

    @property
    def classes(self) -> int:
        """Number of classes that the tables are for."""
        rows: int = next(iter(self.quantiles.values())).shape[1]
        return rows - 1

    @cached_property
    def shifts(self) -> Shifts:
        """What becomes of confidence at other settings, and where it holds."""
        if self.other is not None:
            return self.other
        method, steps = self.settings.get("method", "heun"), self.settings.get("steps", 20)
        return unshifted(method, steps, self.guidance, self.quantiles)

    def confidence_of(
        self, score: str, uncertainty: float, spec: FlowSpec, tolerance: float | None = None
    ) -> float | None:
        """Share of draws like this one that are less sure, in [0, 1]; higher is surer.

        That of :meth:`confidence`, put right for the lane's solver and step count as far as these
        were measured. Whether that makes it hold is for :attr:`shifts` to say.

        Args:
            score: Name of the score.
            uncertainty: Its value.
            spec: The lane.
            tolerance: The widest that it was held to, if not that of the spec.
        """
        setting = Setting.of(spec, tolerance)
        place = self.place(score, uncertainty, spec.label, setting.guidance)
        return None if place is None else self.shifts.confidence(place, score, setting)

    def confidence(
        self, score: str, uncertainty: float, label: int | None, guidance: float
    ) -> float | None:
        """Share of reference draws that are less sure, in [0, 1]; higher is surer.

        Exact at the calibrated guidance scales and interpolated between them; outside their range,
        and for scores without a table, there is none.
        """
        place = self.place(score, uncertainty, label, guidance)
        return None if place is None else min(max(place, 0.0), 1.0)

    def place(
        self, score: str, uncertainty: float, label: int | None, guidance: float
    ) -> float | None:
        """The same, but beyond 0 and 1 for what is outside of all draws, by shares of their range.

        It is then further away than any of them by ``place - 1``, or ``-place``, times the
        difference between the largest and the smallest.
        """
        table = self.table(score, label, guidance)
        if table is None or not np.isfinite(uncertainty):
            return None
        beyond = max(table[0] - uncertainty, 0.0) - max(uncertainty - table[-1], 0.0)
        inside = 1 - float(np.interp(uncertainty, table, np.linspace(0, 1, len(table))))
        width = max(table[-1] - table[0], abs(beyond) / FARTHEST, np.finfo(float).tiny)
        return inside + float(beyond / width)

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
            **self.settings,
            "score": self.score,
            "scores": sorted(self.quantiles),
            "guidance": [float(g) for g in self.guidance],
            "early": [*self.early],
            "holds": self.shifts.holds.record(),
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
        metadata = {SETTINGS: json.dumps(self.settings), "score": self.score}
        if self.conformal is not None:
            tables |= self.conformal.tensors()
            metadata |= self.conformal.metadata()
        if self.other is not None:
            tables |= self.other.tensors()
            metadata |= self.other.metadata()
        save_file({"guidance": self.guidance, **tables}, path, metadata=metadata)
        path.chmod(0o644)

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read it back.

        Raises:
            ValueError: The file lacks a tensor, their shapes do not fit together, their numbers
                cannot be, what stands beside them is nothing of the kind, or it recommends a score
                for which it has no table.
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
        if guidance is None or score not in quantiles or score not in SCORES:
            raise ValueError(f"lacks guidance or {QUANTILES}{score}, or knows no such score")
        if wrong := sorted(name for name, array in tensors.items() if array.dtype != np.float64):
            raise ValueError(f"{wrong[0]} is {tensors[wrong[0]].dtype}, not float64")
        _check_tables(guidance, quantiles)
        settings = Drawn.read(metadata.get(SETTINGS, "{}"))
        conformal = Conformal.read(tensors, metadata)
        other = Shifts.read(tensors, metadata)
        early = _early(tensors, quantiles[score].shape[1])
        if early and not {"method", "steps"} <= set(settings):
            raise ValueError(f"does not say by which solver {EARLY} was learned")
        return cls(score, guidance, quantiles, settings, early, conformal, other)


def _check_tables(
    guidance: npt.NDArray[np.float64], quantiles: Mapping[str, npt.NDArray[np.float64]]
) -> None:
    """Make sure that samples can be placed in the tables.

    Raises:
        ValueError: Shapes do not fit together, or values do not rise.
    """
    if guidance.dtype != np.float64 or guidance.ndim != 1 or not len(guidance):
        raise ValueError(f"guidance has shape {guidance.shape} of {guidance.dtype}")
    if not (np.isfinite(guidance).all() and (np.diff(guidance) > 0).all()):
        raise ValueError("guidance does not rise")
    shapes = {table.shape for table in quantiles.values()}
    fitting = {shape for shape in shapes if shape[:1] == guidance.shape and len(shape) == 3}
    if len(shapes) != 1 or shapes != fitting or 0 in next(iter(shapes)):
        raise ValueError(f"has shapes {guidance.shape} and {sorted(shapes)}")
    for name, table in quantiles.items():
        known = table[np.isfinite(table).all(-1)]
        if not (np.diff(known) >= 0).all():
            raise ValueError(f"{QUANTILES}{name} does not rise")


def _early(tensors: dict[str, npt.NDArray[np.float64]], rows: int) -> dict[str, Early]:
    """The early tables among the tensors of a file.

    Args:
        tensors: Those of the file.
        rows: Tables that there are for each guidance scale.

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
        if not early.fits(rows):
            raise ValueError(f"{EARLY}{name} has parts that do not fit together")
        found[name] = early
    return found


def tabulate(uncertainties: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Quantiles of reference uncertainties ``[draws]``, ascending, ``[LEVELS]``."""
    table: npt.NDArray[np.float64] = np.quantile(uncertainties, np.linspace(0, 1, LEVELS))
    return table
