"""The legs of a lane's way: each under the fields of one lane, from the origin of all on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate

from sureflow.core.frame import Frame
from sureflow.core.origin import Branch
from sureflow.families.flow.operations import Operation
from sureflow.families.flow.spec import FlowSpec


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of a trajectory.

    Attributes:
        spec: The lane that it is a part of. Of an ancestor what concerns its end is left out; its
            scores, and where it is looked at and halts, are those of the lane that all is made for.
        begin: Steps completed when it begins.
        operations: What is done then, before anything else.
        number: Operations on the legs before: every one has a number of its own.
        frame: A moment on the leg after which nothing need be made again.
    """

    spec: FlowSpec
    begin: int = 0
    operations: tuple[Operation, ...] = ()
    number: int = 0
    frame: Frame | None = None


def legs(spec: FlowSpec) -> list[Leg]:
    """The way of a lane, the oldest leg first.

    A branch that leaves its parent before the parent left its own leaves the latter.
    """
    chain = list(_lineage(spec))[::-1]
    specs = [_stripped(branch.parent, spec) for branch in chain] + [spec]
    begins = [0, *(branch.step for branch in chain)]
    done = [(), *(branch.operations for branch in chain)]
    numbers = accumulate((len(operations) for operations in done[:-1]), initial=0)
    frames = [*(branch.frame for branch in chain), None]
    ends = [*begins[1:], None]
    return [
        Leg(leg, begin, operations, number, _usable(frame, begin, end))
        for leg, begin, operations, number, frame, end in zip(
            specs, begins, done, numbers, frames, ends, strict=True
        )
    ]


def sampler(spec: FlowSpec) -> tuple[object, ...]:
    """What decides on the steps of a lane."""
    if spec.tolerance is None:
        return spec.method, spec.steps, spec.grid
    return spec.method, spec.tolerance, spec.min_steps, spec.max_steps


def condition(spec: FlowSpec) -> tuple[object, ...]:
    """What decides on the velocity of a lane."""
    return spec.label, spec.guidance


def _lineage(spec: FlowSpec) -> Iterator[Branch]:
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


def _stripped(parent: FlowSpec, spec: FlowSpec) -> FlowSpec:
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
