"""Whether what is kept of a lane, and where it comes from, can be had of a model."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sureflow.core.field_types import check_types
from sureflow.core.frame import Frame
from sureflow.core.lane import Origin
from sureflow.core.origin import Branch, Inverted, depth
from sureflow.families.flow.frames import COUNTS, NUMBERS
from sureflow.families.flow.measurement import MEASUREMENTS
from sureflow.families.flow.objectives import find, names
from sureflow.families.flow.operations import (
    MAX_INNER,
    Guide,
    Inpaint,
    Operation,
    Resample,
    Uncertain,
)
from sureflow.families.flow.scores.catalogue import SCORES
from sureflow.families.flow.spec import MAX_STEPS, FlowSpec
from sureflow.recipe import MAX_DEPTH
from sureflow.sampling.lineage import sampler

if TYPE_CHECKING:
    from sureflow.model import Model

Shape = tuple[int, ...]


def check_keeping(spec: FlowSpec) -> None:
    """Make sure that what is to be seen of a lane makes sense.

    Raises:
        ValueError: It does not; the message begins with the name of the field.
    """
    if isinstance(spec.keep, str):
        if spec.keep not in ("commit", "all"):
            raise ValueError(f"keep: {spec.keep!r} is neither commit nor all, nor times")
    elif not all(0 <= time <= 1 for time in spec.keep):
        raise ValueError("keep: a time is not in 0 .. 1")
    if spec.shift and (spec.keep != "commit" or not -1 < spec.shift < 0):
        raise ValueError(f"shift: {spec.shift} is for keep at commit, and in -1 .. 0")
    if list(spec.watch) != sorted({step for step in spec.watch if step >= 0}):
        raise ValueError("watch: not ascending steps from 0 on")
    if spec.halt is not None and spec.halt < 0:
        raise ValueError(f"halt: {spec.halt} is no number of steps")
    rewinding = spec.origin or spec.keep or spec.watch or spec.halt is not None
    if spec.parallel and rewinding:
        raise ValueError("parallel: no frames, and no other origin, of steps ahead of their time")


def check_origin(spec: FlowSpec, origin: Origin, model: Model) -> None:
    """Make sure that a lane can come from there.

    Raises:
        ValueError: It cannot; the message begins with the name of the field.
    """
    shape = model.card.shape
    if not isinstance(origin, Branch | Inverted):
        raise ValueError(f"origin: {origin!r:.60} is neither a branch nor an inversion")
    check_types(origin)
    if isinstance(origin, Inverted):
        _check_array("data", origin.data, shape)
        return
    if depth(spec) > MAX_DEPTH:
        raise ValueError(f"parent: more than {MAX_DEPTH} branches lie between this and its origin")
    parent = origin.parent
    if parent.parallel:
        raise ValueError("parent: its steps were made in parallel, so it cannot be taken up again")
    try:
        model.check(replace(parent, scores=(), keep=(), shift=0.0, watch=(), halt=None))
    except ValueError as error:
        raise ValueError(f"parent: {error}") from error
    if not 0 <= origin.step < _longest(parent):
        raise ValueError(f"step: {origin.step} is not in 0 .. {_longest(parent) - 1}")
    if _longest(spec) > MAX_STEPS:
        raise ValueError(f"steps: with those of the parent more than {MAX_STEPS}")
    for name in spec.scores:
        if SCORES[name].plain and parent.guided:
            raise ValueError(f"scores: {name} holds for plain velocities, not for such a parent")
    if origin.frame is not None:
        _check_frame(origin.frame, origin.step, shape)
    for number, operation in enumerate(origin.operations):
        try:
            _check_operation(operation, shape)
        except ValueError as error:
            raise ValueError(f"operations.{number}.{error}") from error


def _longest(spec: FlowSpec) -> int:
    """Most steps that a lane may come to have."""
    own = spec.steps if spec.tolerance is None else spec.max_steps
    if not isinstance(spec.origin, Branch):
        return own
    if sampler(spec) == sampler(spec.origin.parent):
        return _longest(spec.origin.parent)
    return spec.origin.step + own


def _check_frame(frame: Frame, step: int, shape: Shape) -> None:
    """Make sure that a lane can be put where a frame was taken."""
    if not 0 <= frame.step <= step:
        raise ValueError(f"frame: taken at step {frame.step}, after the branch at {step}")
    expected: dict[str, Shape] = {
        **dict.fromkeys(("x", "map", "start", "noise"), shape),
        **dict.fromkeys(("before.velocity", "before.variance"), shape),
        **dict.fromkeys(("times", "rates"), (frame.step,)),
        "before.numbers": (4,),
        "numbers": (len(NUMBERS),),
        "counts": (len(COUNTS),),
    }
    needed = {"x", "map", "times", "rates", "numbers", "counts"}
    missing = needed - frame.arrays.keys()
    wrong = [
        name
        for name in expected
        if name in frame.arrays and frame.arrays[name].shape != expected[name]
    ]
    if missing or wrong:
        raise ValueError(
            f"frame: {', '.join(sorted(missing) or wrong)} missing or of another model"
        )
    if int(frame.arrays["counts"][0]) != frame.step or frame.arrays["numbers"][0] != frame.t:
        raise ValueError(f"frame: is not of step {frame.step} at t = {frame.t}")


def _check_operation(operation: Operation, shape: Shape) -> None:
    if not isinstance(operation, Resample | Inpaint | Guide):
        raise ValueError(f"kind: {operation!r:.60} is no operation")
    check_types(operation)
    if isinstance(operation, Resample):
        if not 0 <= operation.strength <= 1:
            raise ValueError(f"strength: {operation.strength} is not in 0 .. 1")
        _check_region(operation.region, shape)
    elif isinstance(operation, Inpaint):
        _check_mask("mask", operation.mask, shape)
        _check_array("known", operation.known, shape)
        if not 1 <= operation.inner <= MAX_INNER:
            raise ValueError(f"inner: {operation.inner} is not in 1 .. {MAX_INNER}")
    else:
        _check_guide(operation, shape)


def _check_region(region: object, shape: Shape) -> None:
    if isinstance(region, np.ndarray):
        _check_mask("region", region, shape)
    elif isinstance(region, Uncertain):
        check_types(region)
        if not 0 < region.share <= 1:
            raise ValueError(f"region: a share of {region.share} is not in 0 .. 1")
    elif region != "all":
        raise ValueError(f"region: {region!r} is unknown; choose all, a mask, or a share")


def _check_guide(guide: Guide, shape: Shape) -> None:
    if not math.isfinite(guide.strength):
        raise ValueError(f"strength: {guide.strength} is not finite")
    if guide.operator not in MEASUREMENTS:
        if find(guide.operator) is None:
            known = ", ".join([*MEASUREMENTS, *names()])
            raise ValueError(f"operator: {guide.operator!r} is unknown; choose from {known}")
        return
    if guide.operator == "blur" and not 0 < guide.sigma <= max(shape):
        raise ValueError(f"sigma: {guide.sigma} is not in 0 .. {max(shape)}")
    if guide.target is None:
        raise ValueError(f"target: {guide.operator} needs one")
    _check_array("target", guide.target, guide.measured(shape))
    if guide.operator == "mask":
        if guide.mask is None:
            raise ValueError("mask: what is measured?")
        _check_mask("mask", guide.mask, shape)


def _check_array(name: str, array: npt.NDArray[np.float32], shape: Shape) -> None:
    if array.shape != tuple(shape):
        raise ValueError(f"{name}: has shape {list(array.shape)}, not {list(shape)}")
    if array.dtype != np.float32 or not np.isfinite(array).all():
        raise ValueError(f"{name}: holds what is no finite float32")


def _check_mask(name: str, mask: npt.NDArray[np.bool_], shape: Shape) -> None:
    if mask.shape != tuple(shape) or mask.dtype != np.bool_:
        raise ValueError(f"{name}: no mask of shape {list(shape)}")
    if not mask.any():
        raise ValueError(f"{name}: is true nowhere")
