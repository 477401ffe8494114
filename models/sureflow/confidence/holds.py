"""For which solvers and step counts a confidence holds: plain data, free of torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sureflow.core.origin import Branch
from sureflow.families.flow.spec import DEFAULT_MIN_STEPS, DEFAULT_PARALLEL_TOLERANCE, FlowSpec

Ends = tuple[float, float | None]
"""First and last of a range, both included; ``None``: without end."""


RUN = ("label", "guidance", "method", "steps", "tolerance", "grid")
"""Fields of a lane that say how it is run; another class from some step on is an edit too."""


@dataclass(frozen=True, slots=True)
class Held:
    """Where the confidence by one score holds, of one solver at one guidance scale.

    Attributes:
        method: The solver.
        guidance: The scale; 1 without a condition.
        grid: Where its fixed steps are placed.
        steps: Ranges of their number.
        tolerance: Ranges of the tolerance of its adaptive lanes, each ``(tightest, loosest)``.
    """

    method: str
    guidance: float = 1.0
    grid: str = "uniform"
    steps: tuple[Ends, ...] = ()
    tolerance: tuple[Ends, ...] = ()

    def words(self) -> str:
        """The same in words."""
        grid = "" if self.grid == "uniform" else f" on the {self.grid} grid"
        said = [f"{_range(*ends)} steps{grid}" for ends in self.steps]
        said += [f"a tolerance of {_tolerances(*ends)}" for ends in self.tolerance]
        return f"{self.method} with {' or '.join(said)}"


@dataclass(frozen=True, slots=True)
class Holds:
    """Where confidence holds: where it is uniform among samples like the one that carries it.

    Everywhere else it still puts samples of equal settings in order, but a share of ``c`` of them
    need not have a confidence below ``c``.

    Attributes:
        of_score: By name of the score.
    """

    of_score: Mapping[str, tuple[Held, ...]]

    def covers(self, score: str, spec: FlowSpec, tolerance: float | None = None) -> bool:
        """Whether confidence by this score holds for a lane.

        Never for a sample that was given or edited: reference draws come from noise alone.

        Args:
            score: Name of the score.
            spec: The lane.
            tolerance: The widest that it was held to, if not that of the spec.
        """
        tolerance = tolerance or spec.tolerance
        if spec.parallel and spec.parallel_tolerance > DEFAULT_PARALLEL_TOLERANCE:
            return False
        if tolerance is not None and spec.min_steps < DEFAULT_MIN_STEPS:
            return False
        if spec.origin is not None and not self._follows(score, spec):
            return False
        grid = "uniform" if tolerance is not None else spec.grid
        scale = 1.0 if spec.label is None else spec.guidance
        return any(
            _inside(spec.steps, held.steps)
            if tolerance is None
            else _inside(tolerance, held.tolerance)
            for held in self.of_score.get(score, ())
            if (held.method, held.guidance, held.grid) == (spec.method, scale, grid)
        )

    def _follows(self, score: str, spec: FlowSpec) -> bool:
        """Whether a lane goes on from one for which it holds, as that one would have."""
        origin = spec.origin
        if not isinstance(origin, Branch) or origin.operations:
            return False
        parent = origin.parent
        same = all(getattr(spec, name) == getattr(parent, name) for name in RUN)
        return same and self.covers(score, parent)

    def words(self, score: str, guidance: float = 1.0) -> str:
        """The settings of a score at a guidance scale in words; empty if there are none."""
        helds = (held for held in self.of_score.get(score, ()) if held.guidance == guidance)
        return ", ".join(held.words() for held in helds)

    def record(self) -> dict[str, Any]:
        """As a JSON object."""
        return {score: [asdict(held) for held in helds] for score, helds in self.of_score.items()}

    @classmethod
    def read(cls, record: Mapping[str, Iterable[Mapping[str, Any]]]) -> Holds:
        """Read it back."""
        return cls({score: tuple(map(_held, helds)) for score, helds in record.items()})


def _held(record: Mapping[str, Any]) -> Held:
    ranges = {name: tuple(map(tuple, record[name])) for name in ("steps", "tolerance")}
    return Held(**{**record, **ranges})


def _inside(value: float, ranges: Iterable[Ends]) -> bool:
    return any(first <= value and (last is None or value <= last) for first, last in ranges)


def _range(first: float, last: float | None) -> str:
    if last is None:
        return f"{first:g} or more"
    return f"{first:g}" if first == last else f"{first:g} to {last:g}"


def _tolerances(first: float, last: float | None) -> str:
    if first == last:
        return f"{first:g}"
    return f"at most {last:g}" if not first else f"{first:g} to {last:g}"
