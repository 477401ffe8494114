"""The lineage of a lane: the segments of its trajectory, each made with the fields of one lane."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sureflow.core.frame import Frame
from sureflow.core.lane import Branch, LaneSpec


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
    branches = [*_lineage(spec)][::-1]
    ending = {"scores": spec.scores, "watch": spec.watch, "halt": spec.halt}
    plain: dict[str, Any] = {"early": None, "keep": (), "shift": 0.0, **ending}
    lanes = [*(replace(branch.parent, **plain) for branch in branches), spec]
    found = [Segment(lanes[0])]
    for branch, lane in zip(branches, lanes[1:], strict=True):
        before = found[-1]
        if branch.frame is not None and before.begin <= branch.frame.step <= branch.step:
            found[-1] = replace(before, frame=branch.frame)
        number = before.number + len(before.operations)
        found.append(Segment(lane, branch.step, branch.operations, number))
    return found


def last_resumable(way: Sequence[Segment], suits: Callable[[Any, Frame], bool]) -> int | None:
    """Number of the last segment with a frame that suits its lane; ``None`` if none has one."""
    for number in reversed(range(len(way))):
        frame = way[number].frame
        if frame is not None and suits(way[number].spec, frame):
            return number
    return None


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
