"""The input and the output of a lane: plain data, free of torch.

The API process, the worker and the offline sampler exchange these two types.
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
"""Reasons for which a lane ends before its sample is finished."""

NOVELTY, NEIGHBOUR = "novelty", "neighbour"
"""Names of the fields that say how near a result is to training data: the ratio of its distances to
the nearest of them and to the second nearest, and the number of the nearest."""

LATENT = "latent"
"""Name of the field of a result that has the latent from which a decoder made the sample."""

TINY = 1e-30
"""Avoids a division by zero for a sample of zeros."""

MAX_INVERSION_ERROR = 0.1
"""Most by which a given sample may have been missed, if scores of what was made shall be its."""


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """A step of another trajectory, the parent, at which the lane branches off.

    Draws of the operations are keyed by the seed and index of the branching lane. A lane with the
    fields of its parent and without operations has the bytes of its parent. On a fixed grid the
    lane continues on the part of its own grid that comes after the time of the branch.

    Attributes:
        parent: The parent, a lane of the same family; it may be a branch itself.
        step: Number of completed steps of the parent at which the lane branches off.
        operations: Operations of the family that are applied there, in this order.
        frame: A frame of the parent at this step or an earlier one, which saves evaluations. It
            does not change the lane: without a frame the parent is run again from its beginning.
    """

    parent: Any
    step: int
    operations: tuple[object, ...] = ()
    frame: Frame | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Inverted:
    """A given sample ``[*shape]`` in data units, from which the flow first runs back to noise.

    Of a model that decodes latents it is a latent ``[*state_shape]``, or a sample if the model
    encodes samples too.
    """

    data: Array

    def error(self, made: Array, spread: float = np.nan) -> float:
        """Rms difference of a sample from the given one, relative to the size of such data.

        That is the rms of the given sample, or the spread of the data if that is more, since a
        sample may be all but zero.

        Args:
            made: The sample, of the shape of the given one.
            spread: Variance of the data per component; NaN where it is not known, for which the rms
                of ``made`` stands.
        """
        given, own = self.data.astype(np.float64), made.astype(np.float64)
        usual = spread if np.isfinite(spread) else np.square(own).mean()
        error = np.square(own - given).mean()
        return float(np.sqrt(error / max(np.square(given).mean(), usual, TINY)))


Origin = Branch | Inverted
"""What a lane starts from, if not from its own noise."""


@dataclass(frozen=True, slots=True)
class LaneSpec:
    """One sample to make. This class has the fields of every family; a family adds its own.

    The bytes of the sample depend on the model and the fields of the spec alone.

    Attributes:
        family: Name of the lane's family.
        seed: Seed of the request, ``0 <= seed < 2**63``.
        index: Position of the sample in its request, which may be of any size.
        condition: Named arrays that the sample is conditioned on. The model's card lists those
            that it takes; one that is left out is null.
        scores: Names of the scores to compute; the first gives uncertainty and confidence. If
            empty, the model's recommended score is used.
        early: Confidence that the sample must reach, else the lane is abandoned. ``None``: none.
        origin: What the lane starts from; ``None``: its own noise.
        keep: Frames to return with the sample. Times: the frame of the last step that begins at or
            before each. ``commit``: the frame of the commit point. ``all``: every step's frame.
        shift: With ``keep="commit"``: time from the commit point to the frame; at most 0.
        watch: Steps at whose beginning a :class:`View` is recorded, ascending.
        halt: Step after whose first evaluation the lane ends as ``halted``; ``None``: never.
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


def depth(spec: LaneSpec) -> int:
    """Number of branches between a lane and its first ancestor."""
    branches = 0
    while isinstance(spec.origin, Branch):
        spec, branches = spec.origin.parent, branches + 1
    return branches


@dataclass(frozen=True, slots=True)
class Commit:
    """The moment from which most of a sample was decided; see :mod:`sureflow.core.commit`."""

    t: float
    step: int


@dataclass(frozen=True, slots=True)
class Rung:
    """Where a lane was dropped among those of its request; see :mod:`sureflow.core.halving`.

    Attributes:
        t: Time that all of them had reached.
        value: What the lane's score foresaw there; lower is surer, ``None`` if nothing.
        rank: Place of the lane among them, from 1, the surest.
        lanes: How many they were.
        survivors: How many of them went on.
    """

    t: float
    value: float | None
    rank: int
    lanes: int
    survivors: int


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The state of a lane at the beginning of a step, and what the network predicts there.

    Attributes:
        step: Steps completed.
        t: Time reached.
        state: ``x_t``, ``[*shape]``, in data units.
        prediction: The expected end ``x_t + (1 - t) v``, ``[*shape]``, in data units. Both are
            decoded if the model has a decoder.
        rate: ``tr Sigma`` at the state.
        map: Variance of the final sample given the state, ``(1 - t)^2 Sigma``, per component
            ``[*state_shape]``, in squared units of the state.
        uncertainty: ``int tr Sigma dt`` from 0 to ``t``.
    """

    step: int
    t: float
    state: Array
    prediction: Array
    rate: float
    map: Array
    uncertainty: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Result:
    """The part of a sample that the process of its lane knows.

    Attributes:
        data: The sample ``[*shape]``, in the units of the training data. NaN where there is a
            decoder and the lane has not come to it: it was abandoned, was halted, or diverged.
        t: Start time of each step ``[steps]``.
        rate: ``tr Sigma(x_t, t)`` at those times ``[steps]``, squared data units per unit time.
        map: ``int Sigma_i dt`` per component of the state ``[*state_shape]``, in its squared
            units; its sum is the score ``propagated``. Empty where the family has none.
        finish_reason: Why the lane ended.
        accepted: Steps taken.
        rejected: Steps tried and discarded by an adaptive solver.
        evaluations: Network rows that the sample cost. A guided evaluation counts as two, and an
            evaluation that a score has differentiated counts twice.
        tolerance: Largest tolerance of an adaptive lane: that of the spec, unless the lane widened
            it to meet its deadline. ``None`` on a fixed grid.
        scores: Values of all its scores, by name.
        abandoned_at: Time at which the lane was abandoned, to which data and scores then belong;
            ``None`` for a finished sample.
        frames: Recorded frames, ascending; frames before a branch belong to the parent.
        views: Recorded views, ascending.
        start: State at ``t = 0``, ``[*state_shape]``: noise of the lane or its parent, or from
            inversion.
        inversion_error: Of an inverted lane, the rms difference between the sample and the given
            data, relative to the size of such data; see :meth:`Inverted.error`.
        fields: Further arrays by name, for families whose samples have several; the ``latent``
            ``[*state_shape]`` of a decoded sample.
    """

    data: Array
    t: Array
    rate: Array
    map: Array = field(default_factory=lambda: np.zeros(0, np.float32))
    finish_reason: FinishReason
    accepted: int
    rejected: int
    evaluations: int
    tolerance: float | None = None
    scores: dict[str, float] = field(default_factory=dict)
    abandoned_at: float | None = None
    frames: tuple[Frame, ...] = ()
    views: tuple[View, ...] = ()
    start: Array | None = None
    inversion_error: float | None = None
    fields: Mapping[str, npt.NDArray[np.generic]] = field(default_factory=dict)

    @property
    def state(self) -> npt.NDArray[Any]:
        """The last state of the lane: the latent of a decoded sample, else the sample."""
        return self.fields.get(LATENT, self.data)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Sample(Result):
    """One finished sample.

    Attributes:
        spec: The lane that made it, a :class:`LaneSpec` of the model's family.
        score: Name of its first score. The family says what it means, and in which unit.
        uncertainty: Value of that score; lower is surer.
        confidence: Share of the model's own draws that are less sure, in [0, 1]; higher is surer.
            ``None`` if the checkpoint has no table to compare with.
        confidence_holds: Whether confidence was calibrated for the sample's settings. It is not for
            samples that were edited or given. If False, confidence only ranks samples that were
            made with the same settings. ``None`` where there is no confidence.
        calibration_version: Version of the calibration that turned the score into confidence.
        commit: See :class:`Commit`.
        rung: Where the lane was dropped in favour of others of its request, if it was.
    """

    spec: Any
    score: str = ""
    uncertainty: float
    confidence: float | None
    confidence_holds: bool | None = None
    calibration_version: str = ""
    commit: Commit
    rung: Rung | None = None
