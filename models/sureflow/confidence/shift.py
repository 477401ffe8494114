"""What other solvers and step counts do to confidence, so that it can be put right."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from math import log
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
)

from sureflow.confidence.curve import LIMIT, SAME, Curve, Floats
from sureflow.confidence.holds import Ends, Held, Holds
from sureflow.confidence.provenance import complaint
from sureflow.families.flow.spec import FlowSpec

Family = tuple[str, str, float, bool]
"""Method, grid, guidance, and whether the steps are fixed."""

CURVES, NOTE = "shifts/", "shifts"
"""Prefix of the curves in the file of the calibration, and an entry of its metadata."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How lanes are run.

    Attributes:
        method: Solver.
        steps: Of its fixed grid; ``None`` with a tolerance.
        tolerance: Of its adaptive steps; ``None`` on a fixed grid.
        grid: Where fixed steps are placed; ``uniform`` with a tolerance.
        guidance: Scale; 1 without a condition.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    method: str
    steps: int | None = None
    tolerance: float | None = None
    grid: str = "uniform"
    guidance: float = 1.0

    @classmethod
    def of(cls, spec: FlowSpec, tolerance: float | None = None) -> Setting:
        """That of a lane; ``tolerance`` is the widest that it was held to, if not its own."""
        tolerance = tolerance or spec.tolerance
        scale = 1.0 if spec.label is None else spec.guidance
        if tolerance is not None:
            return cls(spec.method, None, tolerance, guidance=scale)
        return cls(spec.method, spec.steps, grid=spec.grid, guidance=scale)

    @property
    def family(self) -> Family:
        """What it shares with coarser and finer ones."""
        return self.method, self.grid, self.guidance, self.tolerance is None

    @property
    def fineness(self) -> float:
        """Larger is finer."""
        return float(self.steps or 0) if self.tolerance is None else 1 / self.tolerance


@dataclass(frozen=True, eq=False)
class Shift:
    """Confidence at one setting against that of the reference draws.

    Attributes:
        setting: The setting.
        curves: By score: the share of its samples that are at most at a place among the reference
            draws, which is their confidence. None: the place itself.
        error: By score: how far from uniform the confidence may still be afterwards.
    """

    setting: Setting
    curves: Mapping[str, Curve]
    error: Mapping[str, float]

    def curve(self, score: str) -> Curve:
        """Of one score."""
        return self.curves.get(score, SAME)


@dataclass(frozen=True, eq=False)
class Shifts:
    """What has been measured at other settings, and what follows for those between them.

    Attributes:
        shifts: That of the reference draws included, at every scale that has tables.
        holds: For which settings confidence holds, by :func:`ranges`.
    """

    shifts: tuple[Shift, ...]

    @cached_property
    def holds(self) -> Holds:
        """Where confidence holds, by score."""
        found: dict[str, list[Held]] = {}
        pairs = ((score, s.setting.family) for s in self.shifts for score in s.error)
        for score, family in dict.fromkeys(pairs):
            method, grid, scale, fixed = family
            if ends := ranges(self._family(score, family), score):
                kind = {"steps": ends} if fixed else {"tolerance": ends}
                found.setdefault(score, []).append(Held(method, scale, grid, **kind))
        return Holds({score: tuple(helds) for score, helds in found.items()})

    def renewed(self, shifts: Shifts) -> Shifts:
        """The same with others in place of those of their settings."""
        by_setting = {shift.setting: shift for shift in (*self.shifts, *shifts.shifts)}
        return Shifts(tuple(by_setting.values()))

    def confidence(self, place: float, score: str, setting: Setting) -> float:
        """Confidence among samples of this setting, from the place among the reference draws.

        Between two settings of a family that were measured it is interpolated; beyond them it is
        that of the nearest. Families that were not measured have that of the reference draws.
        """
        family = self._family(score, setting.family)
        if not family:
            return min(max(place, 0.0), 1.0)
        fine = [shift.setting.fineness for shift in family]
        after = int(np.searchsorted(fine, setting.fineness))
        pair = family[max(after - 1, 0)], family[min(after, len(family) - 1)]
        exact = after < len(fine) and fine[after] == setting.fineness
        low, high = (pair[1],) * 2 if exact else pair
        if score not in low.curves and score not in high.curves:
            return min(max(place, 0.0), 1.0)
        part = 0.0
        if low is not high:
            ends = [log(shift.setting.fineness) for shift in (low, high)]
            part = (log(setting.fineness) - ends[0]) / (ends[1] - ends[0])
        shares = [shift.curve(score).at(place) for shift in (low, high)]
        return float((1 - part) * shares[0] + part * shares[1])

    def _family(self, score: str, family: Family) -> list[Shift]:
        """Those of a family that tell of a score, the coarsest first."""
        found = [s for s in self.shifts if s.setting.family == family and score in s.error]
        return sorted(found, key=lambda shift: shift.setting.fineness)

    def tensors(self) -> dict[str, Floats]:
        """What is stored of it."""
        return {
            f"{CURVES}{number}/{score}": curve.tensor()
            for number, shift in enumerate(self.shifts)
            for score, curve in shift.curves.items()
        }

    def metadata(self) -> dict[str, str]:
        """What is stored beside the tensors."""
        notes = [{"setting": asdict(s.setting), "error": dict(s.error)} for s in self.shifts]
        return {NOTE: json.dumps(notes)}

    @classmethod
    def read(
        cls, tensors: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str]
    ) -> Shifts | None:
        """Read it back; ``None`` if there are none.

        Raises:
            ValueError: A curve is none.
        """
        if NOTE not in metadata:
            return None
        shifts = []
        try:
            notes = _NOTES.validate_json(metadata[NOTE], strict=True)
        except ValidationError as error:
            raise ValueError(
                f"{NOTE}: no list of settings and errors: {complaint(error)}"
            ) from error
        for number, note in enumerate(notes):
            names = {score: f"{CURVES}{number}/{score}" for score in note.error}
            curves = {
                score: _curve(name, tensors[name])
                for score, name in names.items()
                if name in tensors
            }
            shifts.append(Shift(note.setting, curves, note.error))
        return cls(tuple(shifts))


def _curve(name: str, tensor: npt.NDArray[Any]) -> Curve:
    try:
        return Curve.read(tensor)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from error


class _Note(BaseModel):
    """What is stored beside the curves of a setting."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    setting: Setting
    error: dict[str, Annotated[float, Field(ge=0)]]

    @field_validator("setting")
    @classmethod
    def _orderly(cls, setting: Setting) -> Setting:
        """Has a number of steps or a tolerance, by which it is finer or coarser than others."""
        steps, tolerance = setting.steps, setting.tolerance
        if (steps is None) == (tolerance is None) or (steps or tolerance or 0) <= 0:
            raise ValueError("should have steps or a tolerance, above 0")
        return setting


_NOTES = TypeAdapter(list[_Note])


def unshifted(method: str, steps: int, scales: Iterable[float], scores: Iterable[str]) -> Shifts:
    """Those of reference draws alone: nothing is known of any other setting."""
    error = dict.fromkeys(scores, 0.0)
    settings = (Setting(method, steps, guidance=float(scale)) for scale in scales)
    return Shifts(tuple(Shift(setting, {}, error) for setting in settings))


def ranges(family: Sequence[Shift], score: str) -> tuple[Ends, ...]:
    """Ranges of steps, or of tolerances, over which confidence by a score holds.

    At a setting that was measured, if its error is at most :data:`LIMIT`; between two of these, if
    their curves differ by no more, as what is between them then does not either; beyond the finest
    one if that is so of the last two, since solvers converge.

    Args:
        family: Shifts of one family, the coarsest first.
        score: Name of the score.
    """
    good = [shift.error[score] <= LIMIT for shift in family]
    curves = [shift.curve(score) for shift in family]
    near = [
        good[i] and good[i + 1] and curves[i].apart(curves[i + 1]) <= LIMIT
        for i in range(len(family) - 1)
    ]
    found: list[Ends] = []
    first = 0
    for i, shift in enumerate(family):
        if i < len(near) and near[i]:
            continue
        if good[i]:
            converged = i == len(near) and first < i
            found.append(_ends(family[first].setting, None if converged else shift.setting))
        first = i + 1
    return tuple(found)


def _ends(coarsest: Setting, finest: Setting | None) -> Ends:
    """Numbers of steps or tolerances between two settings, or from one on."""
    if coarsest.steps is not None:
        return coarsest.steps, None if finest is None else finest.steps
    assert coarsest.tolerance is not None
    return 0.0 if finest is None else finest.tolerance or 0.0, coarsest.tolerance
