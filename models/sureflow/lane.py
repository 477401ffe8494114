"""What goes into a lane and what comes out: plain data, free of torch.

The API process, the worker and the offline sampler all speak in these two types.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
FinishReason = Literal["converged", "max_steps", "abandoned", "cancelled", "diverged", "deadline"]

METHODS = ("euler", "heun", "midpoint", "ab2", "bosh3", "rk4", "dopri5")
"""Names of the solvers. Evaluations per step of a fixed grid: 1, 2, 2, 1, 3, 4, 6."""

ADAPTIVE_METHODS = ("heun", "midpoint", "ab2", "bosh3", "dopri5")
"""Those that estimate their own error, and so can keep to a tolerance."""

GRIDS = ("uniform", "fitted")
"""Where fixed steps are placed: equally, or as was found best for the checkpoint."""

MAX_STEPS = 1000
DEFAULT_MIN_STEPS = 3
DEFAULT_MAX_STEPS = 250
MIN_TOLERANCE = 1e-6
"""Below this the rounding of float32 states, not the solver, decides the error."""


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


@dataclass(frozen=True, slots=True)
class Commit:
    """The moment at which a sample had mostly decided what it would be."""

    t: float
    step: int


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One finished sample.

    Attributes:
        spec: What was asked for.
        data: The sample ``[*shape]``, in the units of the training data.
        uncertainty: ``int tr Sigma dt`` along the sample's own path, in squared data units; lower
            is surer.
        confidence: Share of the model's reference draws that are less sure, in [0, 1]; higher is
            surer. ``None`` where the checkpoint has no calibration for the settings.
        t: Start time of each step ``[steps]``.
        rate: ``tr Sigma(x_t, t)`` at those times ``[steps]``, squared data units per unit time.
        map: ``int Sigma_i dt`` per component ``[*shape]``, squared data units; sums to
            ``uncertainty``.
        commit: See :class:`Commit`.
        finish_reason: Why the lane ended.
        accepted: Steps taken.
        rejected: Steps tried and discarded by an adaptive solver.
        evaluations: Network rows this sample cost; a guided evaluation counts two.
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
