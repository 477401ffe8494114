"""What goes into a lane and what comes out: plain data, free of torch.

The API process, the worker and the offline sampler all speak in these two types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from sureflow.core.frame import Frame

Array = npt.NDArray[np.float32]
FinishReason = Literal[
    "converged", "max_steps", "abandoned", "cancelled", "diverged", "deadline", "halted"
]

UNFINISHED: tuple[FinishReason, ...] = ("abandoned", "halted")
"""Ends of lanes whose samples were not finished."""


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where a lane comes from, if not from its own noise; see :mod:`sureflow.core.origin`."""


@dataclass(frozen=True, slots=True)
class LaneSpec:
    """One sample to make: what lanes of every family have. A family adds its own fields.

    The bytes of the sample depend on the model and the fields of the spec alone.

    Attributes:
        family: Name of the family that the lane is of.
        seed: Seed of the request, ``0 <= seed < 2**63``.
        index: Position of the sample in its request; sample ``index`` of a small request is sample
            ``index`` of a larger one with the same seed.
        condition: Named arrays that the sample is to be a sample of, such as a vector or an
            embedding; the model's card says which it takes. A name that is left out is null.
        scores: Names of the scores to gather; the first becomes uncertainty and confidence. None:
            the one that the model recommends.
        early: Confidence below which the finished sample would be of no use: the lane is abandoned
            on the way once it is foreseen to end there. ``None`` or 0: never.
        origin: Where the lane comes from; ``None``: from its own noise at the beginning.
        keep: Frames to return with the sample: at these times, that is, at the last step that
            begins there or before; or at ``commit``; or ``all``.
        shift: With ``keep`` at ``commit``: the frame is that of the last step that begins so long
            after the commit point, or before; not above 0.
        watch: Steps at whose beginning the lane is to be looked at, ascending; see :class:`View`.
        halt: Steps after which it is enough: the lane ends at the beginning of this step, once it
            has been evaluated there, with the finish_reason ``halted``. ``None``: at the end.
    """

    family: ClassVar[str] = ""

    seed: int
    index: int
    _: KW_ONLY
    condition: Mapping[str, npt.NDArray[np.generic]] = field(default_factory=dict)
    scores: tuple[str, ...] = ()
    early: float | None = None
    origin: Origin | None = None
    keep: tuple[float, ...] | Literal["commit", "all"] = ()
    shift: float = 0.0
    watch: tuple[int, ...] = ()
    halt: int | None = None


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
        spec: What was asked for, a :class:`LaneSpec` of the model's family.
        data: The sample ``[*shape]``, in the units of the training data.
        score: Name of the score that says how sure the model is; its meaning and unit are in
            :data:`~sureflow.families.flow.scores.catalogue.SCORES`.
        uncertainty: That score; lower is surer.
        confidence: Share of draws like it that are less sure, in [0, 1]; higher is surer. ``None``
            where the checkpoint has no tables for its score, class and guidance scale.
        t: Start time of each step ``[steps]``.
        rate: ``tr Sigma(x_t, t)`` at those times ``[steps]``, squared data units per unit time.
        map: ``int Sigma_i dt`` per component ``[*shape]``, squared data units; sums to the score
            ``propagated``. Empty where the family has none.
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
        calibration_version: Of what turned the score into confidence.
        confidence_holds: Whether that share was measured for the sample's settings, and it was
            neither given nor edited. If not, confidence only puts samples of equal settings in
            order. ``None`` where there is none.
        start: State at ``t = 0``, ``[*shape]``: the noise, that which an inversion has found, or
            that of the parent.
        inversion_error: Of a lane that was inverted: rms difference between the sample and the
            data that were given, relative to the rms of those. ``None`` for any other.
        fields: Further arrays of the sample by name, of families whose samples have several.
    """

    spec: Any
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
    score: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    abandoned_at: float | None = None
    frames: tuple[Frame, ...] = ()
    views: tuple[View, ...] = ()
    confidence_holds: bool | None = None
    start: Array | None = None
    inversion_error: float | None = None
    calibration_version: str = ""
    fields: Mapping[str, npt.NDArray[np.generic]] = field(default_factory=dict)
