"""The segments of a lane's way: each under the fields of one lane, from the origin of all on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from sureflow.core.frame import Frame
from sureflow.core.lane import LaneSpec
from sureflow.core.origin import Branch


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a trajectory.

    Attributes:
        spec: The lane that it is a part of. Of an ancestor what concerns its end is left out; its
            scores, and where it is looked at and halts, are those of the lane that all is made for.
        begin: Steps completed when it begins.
        operations: What is done then, before anything else.
        number: Operations on the segments before: every one has a number of its own.
        frame: A moment on the segment after which nothing need be made again.
    """

    spec: Any
    begin: int = 0
    operations: tuple[object, ...] = ()
    number: int = 0
    frame: Frame | None = None


def segments(spec: LaneSpec) -> list[Segment]:
    """The way of a lane, the oldest segment first.

    A branch that leaves its parent before the parent left its own leaves the latter.
    """
    chain = list(_lineage(spec))[::-1]
    specs = [_without_ending(branch.parent, spec) for branch in chain] + [spec]
    begins = [0, *(branch.step for branch in chain)]
    done = [(), *(branch.operations for branch in chain)]
    numbers = accumulate((len(operations) for operations in done[:-1]), initial=0)
    frames = [*(branch.frame for branch in chain), None]
    ends = [*begins[1:], None]
    return [
        Segment(segment, begin, operations, number, _usable(frame, begin, end))
        for segment, begin, operations, number, frame, end in zip(
            specs, begins, done, numbers, frames, ends, strict=True
        )
    ]


def _lineage(spec: LaneSpec) -> Iterator[Branch]:
    """The branches on the way to a lane, the latest first."""
    origin = spec.origin
    while isinstance(origin, Branch):
        before = origin.parent.origin
        if isinstance(before, Branch) and origin.step < before.step:
            frame = origin.frame or before.frame
            origin = replace(origin, parent=before.parent, frame=frame)
            continue
        yield origin
        origin = before


def _without_ending(parent: LaneSpec, spec: LaneSpec) -> LaneSpec:
    return replace(
        parent,
        scores=spec.scores,
        early=None,
        keep=(),
        shift=0.0,
        watch=spec.watch,
        halt=spec.halt,
    )


def _usable(frame: Frame | None, begin: int, end: int | None) -> Frame | None:
    inside = frame is not None and end is not None and begin <= frame.step <= end
    return frame if inside else None
