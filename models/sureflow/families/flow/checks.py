"""Checks of a flow's lane, its origin and its recording, against a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np

from sureflow.core.card import Condition, ModelCard
from sureflow.core.family import family_of
from sureflow.core.field_types import check_array, check_choice, check_range, check_types
from sureflow.core.lane import Branch, Inverted, depth
from sureflow.families.flow.operations import Operation, check_values
from sureflow.families.flow.scores.catalogue import scores_of
from sureflow.families.flow.spec import (
    MAX_PARALLEL,
    MAX_STEPS,
    MIN_TOLERANCE,
    PARALLEL_METHODS,
    FlowSpec,
)
from sureflow.families.flow.tableau import ADAPTIVE_METHODS, METHODS
from sureflow.recipe import MAX_DEPTH


def check(spec: FlowSpec, model: Any) -> None:
    """Check that a model can run a lane.

    Raises:
        ValueError: It cannot; the message begins with the name of the field.
    """
    check_types(spec)
    family, scores = family_of(spec), scores_of(spec)
    spec = cast(FlowSpec, family.canonical(model.card, spec))
    card = model.card.at(spec.size)
    _check_steps(spec)
    if spec.grid == "fitted" and model.grid is None:
        raise ValueError(f"grid: {model.card.name} has no fitted grid; `sureflow grid` makes one")
    _check_condition(spec, card)
    for name in spec.scores:
        check_choice("scores", name, tuple(scores))
        if obstacle := scores[name].obstacle(model.card, spec):
            raise ValueError(f"scores: {name} {obstacle}")
    if spec.early is not None:
        check_range("early", spec.early, 0, 1)
    _check_recording(spec)
    if spec.origin is not None:
        _check_origin(spec, spec.origin, model, card)


def _check_steps(spec: FlowSpec) -> None:
    """Check how a lane is integrated."""
    check_choice("method", spec.method, METHODS)
    check_range("steps", spec.steps, 1, MAX_STEPS)
    check_choice("grid", spec.grid, spec.grids)
    if spec.tolerance is not None:
        check_range("tolerance", spec.tolerance, MIN_TOLERANCE, 1)
        if spec.method not in ADAPTIVE_METHODS:
            able = f"choose from {ADAPTIVE_METHODS}"
            raise ValueError(f"tolerance: {spec.method} does not estimate its error; {able}")
        check_range("min_steps", spec.min_steps, 1, MAX_STEPS)
        check_range("max_steps", spec.max_steps, spec.min_steps, MAX_STEPS)
    if spec.parallel:
        check_range("parallel", spec.parallel, 0, MAX_PARALLEL)
        if spec.tolerance is not None:
            raise ValueError("parallel: the steps of a tolerance are not known ahead of time")
        if spec.method not in PARALLEL_METHODS:
            raise ValueError(f"parallel: not with {spec.method}; choose from {PARALLEL_METHODS}")
        check_range("parallel_tolerance", spec.parallel_tolerance, 0, 1)


def _check_condition(spec: FlowSpec, card: ModelCard) -> None:
    """Check that the model takes the label and the conditions of a lane."""
    classes = len(card.classes)
    if spec.label is not None and not 0 <= spec.label < classes:
        allowed = f"0 .. {classes - 1}" if classes else "none: the model is unconditional"
        raise ValueError(f"label: {spec.label} is unknown; labels are {allowed}")
    if spec.negative_label is not None and not 0 <= spec.negative_label < classes:
        allowed = f"0 .. {classes - 1}" if classes else "none: the model is unconditional"
        raise ValueError(f"negative_label: {spec.negative_label} is unknown; labels are {allowed}")
    if spec.label is None and card.needs_label:
        raise ValueError(f"label: {card.name} needs one, 0 .. {classes - 1}")
    for field, arrays in (("condition", spec.condition), ("negative", spec.negative)):
        _check_arrays(field, arrays, card)
    for name in (name for name in card.required if name not in spec.condition):
        raise ValueError(f"condition.{name}: {card.name} needs it for every sample")
    if spec.guidance != 1 and (what := card.lacking(spec.negative_label, spec.negative)):
        raise ValueError(f"guidance: {card.name} knows no sample without {what} to guide from")
    if not (spec.conditioned or spec.negated) and spec.guidance != 1:
        needed = "a label or a condition" if card.conditions else "a label"
        raise ValueError(f"guidance: a scale other than 1 needs {needed}")
    if spec.negated and spec.guidance == 1:
        raise ValueError("negative: is led away from by a guidance other than 1")


def _check_arrays(field: str, arrays: object, card: ModelCard) -> None:
    """Check the arrays that a lane is conditioned on, or led away from."""
    if not isinstance(arrays, Mapping):
        raise ValueError(f"{field}: {arrays!r:.60} is no arrays by name")
    for name, value in arrays.items():
        if name not in card.conditions:
            known = tuple(card.conditions) or "none: the model takes no such conditions"
            raise ValueError(f"{field}.{name}: is unknown; conditions are {known}")
        _check_array(f"{field}.{name}", value, card.conditions[name])


def _check_array(where: str, value: object, condition: Condition) -> None:
    """Check an array of a condition, or the tokens of which it is made."""
    prompt = condition.prompt
    if prompt is None or not (isinstance(value, np.ndarray) and value.dtype == np.int64):
        check_array(where, value, condition.shape)
        return
    try:
        prompt.check(value)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _check_recording(spec: FlowSpec) -> None:
    """Check which frames and views of a lane are to be recorded."""
    if isinstance(spec.keep, str):
        if spec.keep not in ("commit", "all"):
            raise ValueError(f"keep: {spec.keep!r} is neither commit nor all, nor times")
    elif not all(0 <= time <= 1 for time in spec.keep):
        raise ValueError("keep: a time is not in 0 .. 1")
    if spec.shift and (spec.keep != "commit" or not -1 < spec.shift < 0):
        raise ValueError(f"shift: {spec.shift} is for keep at commit, and in -1 .. 0")
    if list(spec.watch) != sorted(set(spec.watch)):
        raise ValueError("watch: not ascending steps")
    rewinding = spec.origin or spec.keep or spec.watch or spec.halt is not None
    if spec.parallel and rewinding:
        raise ValueError("parallel: no frames, and no other origin, of steps ahead of their time")


def _check_origin(spec: FlowSpec, origin: Any, model: Any, card: ModelCard) -> None:
    """Check that a lane can start from an origin; the card has the shapes of the lane."""
    if not isinstance(origin, Branch | Inverted):
        raise ValueError(f"origin: {origin!r:.60} is neither a branch nor an inversion")
    check_types(origin)
    if isinstance(origin, Inverted):
        check_values("data", origin.data, card.state_shape, card.encoded)
        return
    if depth(spec) > MAX_DEPTH:
        raise ValueError(f"parent: more than {MAX_DEPTH} branches lie between this and its origin")
    parent = origin.parent
    if parent.parallel:
        raise ValueError("parent: its steps were made in parallel, so it cannot be taken up again")
    try:
        check(replace(parent, scores=(), keep=(), shift=0.0, watch=(), halt=None), model)
    except ValueError as error:
        raise ValueError(f"parent: {error}") from error
    if cast(FlowSpec, family_of(parent).canonical(model.card, parent)).size != spec.size:
        raise ValueError("size: a trajectory keeps its size")
    check_range("step", origin.step, 0, _longest(parent) - 1)
    if _longest(spec) > MAX_STEPS:
        raise ValueError(f"steps: with those of the parent more than {MAX_STEPS}")
    for name in spec.scores:
        if scores_of(spec)[name].plain and parent.guided:
            raise ValueError(f"scores: {name} holds for plain velocities, not for such a parent")
    if frame := origin.frame:
        if not 0 <= frame.step <= origin.step:
            raise ValueError(
                f"frame: taken at step {frame.step}, after the branch at {origin.step}"
            )
        if wrong := model.engine.at(model.engine.bucket(spec)).lanes(1).fits(frame):
            raise ValueError(f"frame: {wrong} missing or of another model")
    for number, operation in enumerate(origin.operations):
        try:
            if not isinstance(operation, Operation):
                raise ValueError(f"kind: {operation!r:.60} is no operation")
            check_types(operation)
            operation.check(card.state_shape, card.encoded)
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
