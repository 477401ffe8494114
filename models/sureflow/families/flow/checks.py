"""Checks of a flow's lane, its origin and its recording, against a model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sureflow.core.card import ModelCard
from sureflow.core.field_types import check_types
from sureflow.core.frame import Frame
from sureflow.core.origin import Branch, Inverted, depth
from sureflow.families.flow.measurement import MEASUREMENTS
from sureflow.families.flow.objectives import find, names
from sureflow.families.flow.operations import MAX_INNER, Guide, Inpaint, Resample, Uncertain
from sureflow.families.flow.scores.catalogue import SCORES
from sureflow.families.flow.spec import (
    GRIDS,
    MAX_PARALLEL,
    MAX_STEPS,
    MIN_TOLERANCE,
    PARALLEL_METHODS,
    FlowSpec,
)
from sureflow.families.flow.tableau import ADAPTIVE_METHODS, METHODS
from sureflow.recipe import MAX_DEPTH

Shape = tuple[int, ...]


def check(spec: FlowSpec, model: Any, engine: Any) -> None:
    """Check that a model can run a lane.

    Args:
        spec: The lane.
        model: The model.
        engine: Its engine, whose lanes frames are compared with.

    Raises:
        ValueError: It cannot; the message begins with the name of the field.
    """
    check_types(spec)
    if not 0 <= spec.seed < 2**63:
        raise ValueError(f"seed: {spec.seed} is not in 0 .. 2**63 - 1")
    if spec.method not in METHODS:
        raise ValueError(f"method: {spec.method!r} is unknown; choose from {METHODS}")
    if not 1 <= spec.steps <= MAX_STEPS:
        raise ValueError(f"steps: {spec.steps} is not in 1 .. {MAX_STEPS}")
    if spec.grid not in GRIDS:
        raise ValueError(f"grid: {spec.grid!r} is unknown; choose from {GRIDS}")
    if spec.grid == "fitted" and model.grid is None:
        raise ValueError(f"grid: {model.card.name} has no fitted grid; `sureflow grid` makes one")
    if spec.tolerance is not None:
        _check_tolerance(spec, spec.tolerance)
    if spec.parallel:
        _check_parallel(spec)
    classes = len(model.card.classes)
    if spec.label is not None and not 0 <= spec.label < classes:
        allowed = f"0 .. {classes - 1}" if classes else "none: the model is unconditional"
        raise ValueError(f"label: {spec.label} is unknown; labels are {allowed}")
    _check_condition(spec, model.card)
    if not spec.conditioned and spec.guidance != 1:
        needed = "a label or a condition" if model.card.conditions else "a label"
        raise ValueError(f"guidance: a scale other than 1 needs {needed}")
    _check_scores(spec, model.card)
    if spec.early is not None and not 0 <= spec.early <= 1:
        raise ValueError(f"early: {spec.early} is not in 0 .. 1")
    check_recording(spec)
    if spec.origin is not None:
        check_origin(spec, spec.origin, model, engine)


def _check_condition(spec: FlowSpec, card: ModelCard) -> None:
    """Check that the model takes the conditions of a lane."""
    if not isinstance(spec.condition, Mapping):
        raise ValueError(f"condition: {spec.condition!r:.60} is no arrays by name")
    for name, value in spec.condition.items():
        if name not in card.conditions:
            known = tuple(card.conditions) or "none: the model takes no such conditions"
            raise ValueError(f"condition.{name}: is unknown; conditions are {known}")
        _check_array(f"condition.{name}", value, card.conditions[name].shape)


def _check_tolerance(spec: FlowSpec, tolerance: float) -> None:
    """Check the options of an adaptive lane."""
    if not MIN_TOLERANCE <= tolerance <= 1:
        raise ValueError(f"tolerance: {tolerance} is not in {MIN_TOLERANCE:g} .. 1")
    if spec.method not in ADAPTIVE_METHODS:
        raise ValueError(
            f"tolerance: {spec.method} does not estimate its error; choose from {ADAPTIVE_METHODS}"
        )
    if not 1 <= spec.min_steps <= MAX_STEPS:
        raise ValueError(f"min_steps: {spec.min_steps} is not in 1 .. {MAX_STEPS}")
    if not spec.min_steps <= spec.max_steps <= MAX_STEPS:
        raise ValueError(
            f"max_steps: {spec.max_steps} is not in min_steps = {spec.min_steps} .. {MAX_STEPS}"
        )


def _check_scores(spec: FlowSpec, card: ModelCard) -> None:
    """Check that a lane can have its scores."""
    for name in spec.scores:
        if name not in SCORES:
            raise ValueError(f"scores: {name!r} is unknown; choose from {tuple(SCORES)}")
        given = spec.conditioned or None
        obstacle = SCORES[name].obstacle(card, given, spec.guidance, bool(spec.parallel))
        if obstacle:
            raise ValueError(f"scores: {name} {obstacle}")


def _check_parallel(spec: FlowSpec) -> None:
    """Check the options of a lane whose steps are evaluated in parallel."""
    if not 0 <= spec.parallel <= MAX_PARALLEL:
        raise ValueError(f"parallel: {spec.parallel} is not in 0 .. {MAX_PARALLEL}")
    if spec.tolerance is not None:
        raise ValueError("parallel: the steps of a tolerance are not known ahead of time")
    if spec.method not in PARALLEL_METHODS:
        raise ValueError(f"parallel: not with {spec.method}; choose from {PARALLEL_METHODS}")
    if not 0 <= spec.parallel_tolerance <= 1:
        raise ValueError(f"parallel_tolerance: {spec.parallel_tolerance} is not in 0 .. 1")


def check_recording(spec: FlowSpec) -> None:
    """Check which frames and views of a lane are to be recorded.

    Raises:
        ValueError: A field is not valid; the message begins with its name.
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


def check_origin(spec: FlowSpec, origin: Any, model: Any, engine: Any) -> None:
    """Check that a lane can start from an origin.

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
        plain = replace(parent, scores=(), keep=(), shift=0.0, watch=(), halt=None)
        check(plain, model, engine)
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
        _check_frame(origin.frame, origin.step, engine)
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
    if spec.stepping == spec.origin.parent.stepping:
        return _longest(spec.origin.parent)
    return spec.origin.step + own


def _check_frame(frame: Frame, step: int, engine: Any) -> None:
    """Check that a lane can be restored from a frame."""
    if not 0 <= frame.step <= step:
        raise ValueError(f"frame: taken at step {frame.step}, after the branch at {step}")
    if wrong := engine.lanes(1).fits(frame):
        raise ValueError(f"frame: {wrong} missing or of another model")


def _check_operation(operation: Any, shape: Shape) -> None:
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


def _check_array(name: str, array: npt.NDArray[np.generic], shape: Shape) -> None:
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name}: is no array")
    if array.shape != tuple(shape):
        raise ValueError(f"{name}: has shape {list(array.shape)}, not {list(shape)}")
    if array.dtype != np.float32 or not np.isfinite(array).all():
        raise ValueError(f"{name}: holds what is no finite float32")


def _check_mask(name: str, mask: npt.NDArray[np.bool_], shape: Shape) -> None:
    if mask.shape != tuple(shape) or mask.dtype != np.bool_:
        raise ValueError(f"{name}: no mask of shape {list(shape)}")
    if not mask.any():
        raise ValueError(f"{name}: is true nowhere")
