"""The spec of a flow's lane: its solver, its condition and its guidance. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from sureflow.core.field_types import OPTIONAL, READ, Tensors
from sureflow.core.lane import LaneSpec

MAX_STEPS = 1000
DEFAULT_MIN_STEPS = 3
DEFAULT_MAX_STEPS = 250
MIN_TOLERANCE = 1e-6
"""Below this the rounding of float32 states, not the solver, decides the error."""

GRIDS = ("uniform", "fitted")
"""Time grids of fixed steps: equal steps, or those fitted to the checkpoint."""

PARALLEL_METHODS = ("euler",)
"""Methods whose steps can be evaluated in parallel."""

MAX_PARALLEL = 64
DEFAULT_PARALLEL_TOLERANCE = 1e-3


Arrays = Mapping[str, npt.NDArray[np.generic]]


def _read_arrays(note: Any, tensors: Tensors) -> Arrays:
    """Named arrays as a recipe has them."""
    return {name: tensors.pop(value["tensor"]) for name, value in note.items()}


def _equal(one: Arrays, other: Arrays) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


@dataclass(frozen=True, slots=True)
class FlowSpec(LaneSpec):
    """One sample of a flow to make.

    Attributes:
        method: Solver, one of :data:`~sureflow.families.flow.tableau.METHODS`.
        steps: Number of steps of a fixed grid, 1 to :data:`MAX_STEPS`; ignored with a tolerance.
        label: Class to generate, or ``None`` for no class.
        guidance: Scale ``g`` of classifier-free guidance, ``v = v_null + g (v_cond - v_null)``;
            1 is the plain conditional model and costs one row per evaluation instead of two.
        tolerance: Error allowed per step, as a share of ``1 + |x|`` per component (rms over the
            components); every sample then chooses its own steps. ``None``: the fixed grid.
        min_steps: Fewest steps of an adaptive lane; no step is longer than ``1 / min_steps``.
        max_steps: Most steps that an adaptive lane may try, including rejected ones. The last one
            goes to ``t = 1`` whatever its error, and the finish_reason is ``max_steps``.
        grid: Time grid of fixed steps, one of ``grids``; ignored with a tolerance.
        parallel: Number of steps of the fixed grid that are evaluated in one tick, up to
            :data:`MAX_PARALLEL`: fewer ticks for more evaluations. 0 makes one step after another.
            For the methods :data:`PARALLEL_METHODS`.
        parallel_tolerance: Largest distance between the guess at which a step was evaluated and the
            state that the step starts from: rms over the components, in data units. A step adds at
            most ``h L`` times this to the error, where ``L`` is the velocity's Lipschitz constant,
            so the error does not grow with the number of steps. With 0 the sample has the bytes of
            ``parallel = 0``.
        negative: Named arrays that guidance leads away from, as those of ``condition``; one that is
            left out is null. Then ``v = v_negative + g (v_cond - v_negative)``.
        negative_label: Class that guidance leads away from; ``None``: no class.
        size: Size of the sample, such as height and width, one of the card's ``sizes``; ``None``
            is the first of them, or, where a sample is given, the size of that.
    """

    family: ClassVar[str] = "flow"
    grids: ClassVar[tuple[str, ...]] = GRIDS

    method: str = "heun"
    steps: int = 20
    label: int | None = None
    guidance: float = 1.0
    tolerance: float | None = None
    min_steps: int = DEFAULT_MIN_STEPS
    max_steps: int = DEFAULT_MAX_STEPS
    grid: str = "uniform"
    parallel: int = 0
    parallel_tolerance: float = DEFAULT_PARALLEL_TOLERANCE
    negative: Arrays = field(default_factory=dict, metadata={READ: _read_arrays, OPTIONAL: True})
    negative_label: int | None = field(default=None, metadata={OPTIONAL: True})
    size: tuple[int, ...] | None = field(default=None, metadata={OPTIONAL: True})

    @property
    def run_by(self) -> dict[str, float]:
        """Further numbers that say how the lane is run, where they are not those of an ODE."""
        return {}

    @property
    def conditioned(self) -> bool:
        """Whether the lane has a condition."""
        return self.label is not None or bool(self.condition)

    @property
    def negated(self) -> bool:
        """Whether guidance leads away from something else than no condition."""
        return self.negative_label is not None or bool(self.negative)

    @property
    def scale(self) -> float:
        """The guidance scale in effect: 1 with nothing to lead to or away from."""
        return self.guidance if self.conditioned or self.negated else 1.0

    @property
    def guided(self) -> bool:
        """Whether every evaluation needs a second, unconditional row."""
        return self.scale != 1

    def same_condition(self, other: FlowSpec) -> bool:
        """Whether another lane has the same condition."""
        return (
            (self.label, self.negative_label) == (other.label, other.negative_label)
            and _equal(self.condition, other.condition)
            and _equal(self.negative, other.negative)
        )

    @property
    def stepping(self) -> tuple[object, ...]:
        """The fields that determine the steps of the lane."""
        if self.tolerance is None:
            return self.method, self.steps, self.grid, *self.run_by.values()
        return self.method, self.tolerance, self.min_steps, self.max_steps
