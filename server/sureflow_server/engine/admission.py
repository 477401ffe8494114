"""How much may be under way at once, and how much of it a lane takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import prod
from typing import Any

import numpy as np

from sureflow.core.card import ModelCard
from sureflow.core.family import cost_of, family_of
from sureflow.core.lane import Branch, Inverted, LaneSpec, Origin

NUMBER = 4
"""Bytes of each number of an array."""

OBJECTS = 4096
"""Bytes of what is no array in a sample, a frame or a view, at most."""

FRAME_ARRAYS, SCORE_ARRAYS = 4, 6
"""Arrays as large as the sample that a frame has at most, and how many more for each score."""

SAMPLE_ARRAYS, VIEW_ARRAYS = 3, 3
"""Such arrays of a sample, and of each of its views."""

SERIES = 4
"""Numbers that are kept of each step, in a sample and in its frames, and again for each score."""


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """Most that may be accepted and not finished, over all requests.

    The bytes are those of what they bring and of what comes back, in the process that answers.
    """

    samples: int
    nbytes: int


def footprint_of(spec: LaneSpec, card: ModelCard) -> int:
    """The :func:`footprint` of a lane of a model, in the lane's own shape."""
    sized = family_of(spec).sized(card, spec)
    return footprint(spec, sized.state_shape, sized.decoded)


def footprints_of(lanes: Sequence[LaneSpec], card: ModelCard) -> int:
    """The :func:`footprint_of` lanes that differ in their numbers and origins alone, together."""
    first = lanes[0]
    each = footprint_of(first, card) - 2 * _of_origin(first.origin)
    origins = {id(lane.origin): lane.origin for lane in lanes}
    nbytes = {key: _of_origin(origin) for key, origin in origins.items()}
    return len(lanes) * each + 2 * sum(nbytes[id(lane.origin)] for lane in lanes)


def footprint(
    spec: LaneSpec, shape: tuple[int, ...], decoded: tuple[int, ...] | None = None
) -> int:
    """Most bytes that a lane takes in the process that answers, until its request is done.

    That is what it brings, which comes back with its sample, and the sample with its frames and
    views. The ``shape`` is that of its state; where that is ``decoded``, the sample and both arrays
    of a view come on top.
    """
    size = prod(shape)
    steps = cost_of(spec).steps
    scores = max(len(spec.scores), 1)
    series = steps * SERIES * (1 + scores)
    frame = size * (FRAME_ARRAYS + SCORE_ARRAYS * scores) + series
    sample = size * (SAMPLE_ARRAYS + VIEW_ARRAYS * len(spec.watch)) + series
    if decoded is not None:
        sample += prod(decoded) * (1 + 2 * len(spec.watch))
    frames = _frames(spec, steps)
    objects = OBJECTS * (1 + frames + len(spec.watch))
    return objects + NUMBER * (sample + frame * frames) + 2 * _brought(spec)


def _frames(spec: LaneSpec, steps: int) -> int:
    """How many frames come back at most."""
    if spec.keep == "all":
        return steps + 1
    return 1 if spec.keep == "commit" else len(spec.keep)


def _brought(spec: LaneSpec) -> int:
    """Bytes of the arrays in what is to be made."""
    values = [getattr(spec, field.name) for field in fields(spec)]
    named = [value for value in values if isinstance(value, Mapping)]
    nbytes = int(sum(array.nbytes for arrays in named for array in arrays.values()))
    return nbytes + _of_origin(spec.origin)


def _of_origin(origin: Origin | None) -> int:
    """Bytes of the arrays of what a lane starts from."""
    if isinstance(origin, Inverted):
        return origin.data.nbytes
    if isinstance(origin, Branch):
        frame = 0 if origin.frame is None else origin.frame.nbytes
        return frame + sum(map(_arrays, origin.operations)) + _brought(origin.parent)
    return 0


def _arrays(operation: Any) -> int:
    """Bytes of the arrays of an operation."""
    values = (getattr(operation, field.name) for field in fields(operation))
    return sum(value.nbytes for value in values if isinstance(value, np.ndarray))
