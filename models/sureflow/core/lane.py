"""What goes into a lane and what comes out: plain data, free of torch.

The API process, the worker and the offline sampler all speak in these two types.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from sureflow.core.frame import Frame
from sureflow.core.origin import Branch, Origin
from sureflow.families.flow.operations import Inpaint, Resample
from sureflow.families.flow.scores.catalogue import DEFAULT_SCORE, SCORES

Array = npt.NDArray[np.float32]
FinishReason = Literal[
    "converged", "max_steps", "abandoned", "cancelled", "diverged", "deadline", "halted"
]

EVALUATIONS = {"euler": 1, "heun": 2, "midpoint": 2, "ab2": 1, "bosh3": 3, "rk4": 4, "dopri5": 6}
"""The solvers, and their evaluations per step of a fixed grid; the first of ``ab2`` takes two."""

TYPICAL_STEPS = 8
"""Of a lane with a tolerance, as long as nothing is known of others like it."""

METHODS = tuple(EVALUATIONS)
"""Names of the solvers."""

ADAPTIVE_METHODS = ("heun", "midpoint", "ab2", "bosh3", "dopri5")
"""Those that estimate their own error, and so can keep to a tolerance."""

GRIDS = ("uniform", "fitted")
"""Where fixed steps are placed: equally, or as was found best for the checkpoint."""

MAX_STEPS = 1000
DEFAULT_MIN_STEPS = 3
DEFAULT_MAX_STEPS = 250
MIN_TOLERANCE = 1e-6
"""Below this the rounding of float32 states, not the solver, decides the error."""

PARALLEL_METHODS = ("euler",)
"""Those whose steps can be evaluated ahead of time."""

MAX_PARALLEL = 64
DEFAULT_PARALLEL_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class LaneSpec:
    """One sample to make. Its bytes depend on the model and these fields alone.

    Attributes:
        seed: Seed of the request, ``0 <= seed < 2**63``.
        index: Position of the sample in its request; sample ``index`` of a small request is sample
            ``index`` of a larger one with the same seed.
        method: Solver, one of :data:`METHODS`.
        steps: Number of steps of a fixed grid, 1 to :data:`MAX_STEPS`; without meaning where there
            is a tolerance.
        label: Class to generate, or ``None`` for no condition.
        guidance: Scale ``g`` of classifier-free guidance, ``v = v_null + g (v_label - v_null)``;
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
        scores: Names of the scores to gather; the first becomes uncertainty and confidence. None: the one that the model recommends.
        early: Confidence below which the finished sample would be of no use: the lane is abandoned
            on the way once it is foreseen to end there. ``None`` or 0: never.
        origin: Where the lane comes from; ``None``: from its own noise at ``t = 0``.
        keep: Frames to return with the sample: at these times, that is, at the last step that
            begins there or before; or at ``commit``; or ``all``.
        shift: With ``keep`` at ``commit``: the frame is that of the last step that begins so long
            after the commit point, or before; not above 0.
        watch: Steps at whose beginning the lane is to be looked at, ascending; see :class:`View`.
        halt: Steps after which it is enough: the lane ends at the beginning of this step, once it
            has been evaluated there, with the finish_reason ``halted``. ``None``: at ``t = 1``.
    """

    seed: int
    index: int
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
    scores: tuple[str, ...] = ()
    early: float | None = None
    origin: Origin | None = None
    keep: tuple[float, ...] | Literal["commit", "all"] = ()
    shift: float = 0.0
    watch: tuple[int, ...] = ()
    halt: int | None = None

    @property
    def guided(self) -> bool:
        """Whether every evaluation needs a second, unconditional row."""
        return self.label is not None and self.guidance != 1

    @property
    def evaluations(self) -> int:
        """Evaluations that it takes; of a fixed grid exactly, unless it comes from elsewhere."""
        each, adaptive = EVALUATIONS[self.method], self.tolerance is not None
        whole = each * TYPICAL_STEPS if adaptive else each * self.steps + (self.method == "ab2")
        if self.origin is None:
            return whole
        if not isinstance(self.origin, Branch):
            return 2 * whole
        parent, known = self.origin.parent, self.origin.frame
        steps = TYPICAL_STEPS if parent.tolerance is not None else parent.steps
        done = min(self.origin.step / steps, 1)
        again = self.origin.step - (0 if known is None else known.step)
        drawn = sum(isinstance(operation, Resample) for operation in self.origin.operations)
        left = whole * (1 - done) * self._repetitions
        return max(round(left + drawn + parent.evaluations * again / steps), 1)

    @property
    def _repetitions(self) -> int:
        """How often each step is made: as the last of the paintings that hold wants it."""
        spec = self
        while isinstance(spec.origin, Branch):
            for operation in reversed(spec.origin.operations):
                if isinstance(operation, Inpaint):
                    return operation.inner
            spec = spec.origin.parent
        return 1

    @property
    def rows_each(self) -> int:
        """Network rows that each of its evaluations costs, those of its scores included."""
        return (2 if self.guided else 1) * (1 + sum(SCORES[name].factor for name in self.scores))

    @property
    def rows(self) -> int:
        """Most network rows that the lane asks for in one tick."""
        after = sum(SCORES[name].after for name in self.scores)
        rows = max(self.rows_each * max(1, min(self.parallel, self.steps)), after)
        if isinstance(self.origin, Branch):
            return max(rows, replace(self.origin.parent, scores=self.scores).rows)
        return rows


@dataclass(frozen=True, slots=True)
class Commit:
    """The moment at which a sample had mostly decided what it would be."""

    t: float
    step: int


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What there is to see of a lane at the beginning of a step.

    Attributes:
        step: Steps completed.
        t: Time reached.
        state: ``x_t``, ``[*shape]``, in data units.
        prediction: The expected end ``x_t + (1 - t) v``, likewise.
        rate: ``tr Sigma`` there.
        map: Variance of the final sample given the state, ``(1 - t)^2 Sigma``, per component
            ``[*shape]``, in squared data units.
        uncertainty: ``int tr Sigma dt`` up to there.
    """

    step: int
    t: float
    state: Array
    prediction: Array
    rate: float
    map: Array
    uncertainty: float


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One finished sample.

    Attributes:
        spec: What was asked for.
        data: The sample ``[*shape]``, in the units of the training data.
        score: Name of the score that says how sure the model is; its meaning and unit are in
            :data:`~sureflow.families.flow.scores.catalogue.SCORES`.
        uncertainty: That score; lower is surer.
        confidence: Share of draws like it that are less sure, in [0, 1]; higher is surer. ``None``
            where the checkpoint has no tables for its score, class and guidance scale.
        t: Start time of each step ``[steps]``.
        rate: ``tr Sigma(x_t, t)`` at those times ``[steps]``, squared data units per unit time.
        map: ``int Sigma_i dt`` per component ``[*shape]``, squared data units; sums to the score
            ``propagated``.
        commit: See :class:`Commit`.
        finish_reason: Why the lane ended.
        accepted: Steps taken.
        rejected: Steps tried and discarded by an adaptive solver.
        evaluations: Network rows this sample cost; a guided evaluation counts two, and one that is
            differentiated for a score twice as many.
        tolerance: The widest that an adaptive lane was held to: that of the spec, unless it had to
            hurry to its deadline. ``None`` on a fixed grid.
        scores: All scores that were asked for, by name.
        abandoned_at: Time at which the lane was given up, ``None`` for a finished sample. Its data
            is the state there, its scores are those so far.
        frames: Those that were to be kept, ascending, without those of a parent.
        views: Those that were to be looked at, ascending.
        confidence_holds: Whether that share was measured for the sample's settings, and it was
            neither given nor edited. If not, confidence only puts samples of equal settings in
            order. ``None`` where there is none.
        start: State at ``t = 0``, ``[*shape]``: the noise, that which an inversion has found, or
            that of the parent.
        inversion_error: Of a lane that was inverted: rms difference between the sample and the
            data that were given, relative to the rms of those. ``None`` for any other.
    """

    spec: LaneSpec
    data: Array
    uncertainty: float
    confidence: float | None
    t: Array
    rate: Array
    map: Array
    commit: Commit
    finish_reason: FinishReason
    accepted: int
    rejected: int
    evaluations: int
    tolerance: float | None = None
    score: str = DEFAULT_SCORE
    scores: dict[str, float] = field(default_factory=dict)
    abandoned_at: float | None = None
    frames: tuple[Frame, ...] = ()
    views: tuple[View, ...] = ()
    confidence_holds: bool | None = None
    start: Array | None = None
    inversion_error: float | None = None
