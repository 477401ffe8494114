"""A lane of the flow: how it is integrated, and what it is a sample of. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sureflow.core.lane import LaneSpec

MAX_STEPS = 1000
DEFAULT_MIN_STEPS = 3
DEFAULT_MAX_STEPS = 250
MIN_TOLERANCE = 1e-6
"""Below this the rounding of float32 states, not the solver, decides the error."""

GRIDS = ("uniform", "fitted")
"""Where fixed steps are placed: equally, or as was found best for the checkpoint."""

PARALLEL_METHODS = ("euler",)
"""Those whose steps can be evaluated ahead of time."""

MAX_PARALLEL = 64
DEFAULT_PARALLEL_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class FlowSpec(LaneSpec):
    """One sample of a flow to make.

    Attributes:
        method: Solver, one of :data:`~sureflow.families.flow.tableau.METHODS`.
        steps: Number of steps of a fixed grid, 1 to :data:`MAX_STEPS`; without meaning where there
            is a tolerance.
        label: Class to generate, or ``None`` for no class.
        guidance: Scale ``g`` of classifier-free guidance, ``v = v_null + g (v_cond - v_null)``;
            1 is the plain conditional model and costs one row per evaluation instead of two.
        tolerance: Error allowed per step, as a share of ``1 + |x|`` per component (rms over the
            components); every sample then chooses its own steps. ``None``: the fixed grid.
        min_steps: Fewest steps of an adaptive lane; no step is longer than ``1 / min_steps``.
        max_steps: Most steps that an adaptive lane may try, rejected ones included. The last of
            them goes to ``t = 1`` whatever its error, and the sample says ``max_steps``.
        grid: Where the steps are placed, one of :data:`GRIDS`; without meaning where there is a
            tolerance.
        parallel: Steps of the fixed grid evaluated in one tick, the next one and those expected to
            follow, 1 to :data:`MAX_PARALLEL`: fewer ticks for more evaluations. 0 is one step
            after another. For the methods :data:`PARALLEL_METHODS`.
        parallel_tolerance: How far the guess at which a step was evaluated may have been from the
            state that the step is made from: rms over the components, in data units. A step adds
            at most ``h L`` times this to the error, ``L`` being the velocity's Lipschitz
            constant, so that the error does not grow with the number of steps. With 0 the sample
            has the bytes of ``parallel = 0``.
    """

    family: ClassVar[str] = "flow"

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

    @property
    def conditioned(self) -> bool:
        """Whether it is a sample of any condition."""
        return self.label is not None or bool(self.condition)

    @property
    def scale(self) -> float:
        """The guidance scale that matters: 1 without a condition."""
        return self.guidance if self.conditioned else 1.0

    @property
    def guided(self) -> bool:
        """Whether every evaluation needs a second, unconditional row."""
        return self.scale != 1

    def same_condition(self, other: FlowSpec) -> bool:
        """Whether another lane is a sample of the same."""
        return (
            self.label == other.label
            and self.condition.keys() == other.condition.keys()
            and all(np.array_equal(self.condition[k], other.condition[k]) for k in self.condition)
        )

    @property
    def stepping(self) -> tuple[object, ...]:
        """What decides on its steps."""
        if self.tolerance is None:
            return self.method, self.steps, self.grid
        return self.method, self.tolerance, self.min_steps, self.max_steps
