"""The lineage of a lane: the segments of its trajectory, each made with the fields of one lane."""

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
    """A part of a trajectory, made with the fields of one lane.

    Attributes:
        spec: The lane. For an ancestor, fields about its end are removed, and scores, ``watch`` and
            ``halt`` are those of the last lane.
        begin: Number of completed steps when the segment begins.
        operations: Operations that are applied at its beginning.
        number: Number of operations on earlier segments, so that all operations can be numbered.
        frame: A frame of this segment, from which the trajectory can be resumed.
    """

    spec: Any
    begin: int = 0
    operations: tuple[object, ...] = ()
    number: int = 0
    frame: Frame | None = None


def segments(spec: LaneSpec) -> list[Segment]:
    """The segments of a lane's trajectory, the oldest first.

    A branch at a step before its parent's own branch is a branch of the grandparent.
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
    """The branches in the history of a lane, the latest first."""
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
