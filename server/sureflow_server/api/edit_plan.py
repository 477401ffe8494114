"""From an edit to the lanes that branch off, or to the field that cannot be served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sureflow.core.card import ModelCard
from sureflow.core.commit import step_at
from sureflow.core.frame import Frame
from sureflow.core.lane import Array
from sureflow.core.origin import Branch, depth
from sureflow.families.flow.operations import Guide, Inpaint, Operation, Region, Resample, Uncertain
from sureflow.families.flow.spec import FlowSpec
from sureflow.recipe import MAX_DEPTH
from sureflow_server.api.arrays import read, read_mask
from sureflow_server.api.edit_request import AtCommit, AtStep, AtTime, EditRequest
from sureflow_server.api.handle_options import handle_options, sample_of
from sureflow_server.api.opened_handle import OpenedHandle
from sureflow_server.api.operations import (
    ConditionOperation,
    GuideOperation,
    InpaintOperation,
    MaskRegion,
    OperationBody,
    ResampleOperation,
    UncertainRegion,
)
from sureflow_server.api.operations import Region as RegionBody
from sureflow_server.api.plan import Plan
from sureflow_server.api.problems import Problem
from sureflow_server.api.resolve import (
    check_grid,
    check_guidance,
    form_of,
    label_of,
    scores_of,
    seed_of,
)
from sureflow_server.api.resolve_filter import resolve_filter
from sureflow_server.engine.errors import ImpossibleError
from sureflow_server.settings import Settings

WORDS = {
    "parent": "handle",
    "frame": "handle",
    "step": "at",
    "steps": "sampler.steps",
    "scores": "confidence.method",
}
"""Fields of a request by the name that lanes have for them."""


def plan_edit(
    request: EditRequest,
    opened: OpenedHandle,
    card: ModelCard,
    step: int,
    frame: Frame | None,
    settings: Settings,
) -> Plan:
    """Resolve what an edit asks for.

    Args:
        request: The edit.
        opened: The handle that it names.
        card: The model.
        step: Where to branch off; see :func:`branching_step`.
        frame: The trajectory there or before, if it is kept.
        settings: Of the server.

    Raises:
        Problem: It cannot be done; names the field.
    """
    most = settings.max_samples_per_request
    if request.branches > most:
        raise Problem.field("branches", f"at most {most} per request, got {request.branches}")
    parent = opened.spec
    if depth(parent) >= MAX_DEPTH - 1:  # one is left to look through what comes of it
        raise Problem.field("handle", f"{MAX_DEPTH - 1} edits lie before it, and no more may")
    label, scale = _condition(request.operations, parent, card)
    operations = tuple(
        operation
        for number, body in enumerate(request.operations)
        if (operation := _operation(body, opened, card, f"operations.{number}")) is not None
    )
    kept = handle_options(request.rewind, settings)
    scores = scores_of(request.confidence, card, label, scale, usual=parent.scores)
    spec = replace(
        _with_sampler(request, parent, card),
        label=label,
        guidance=scale,
        scores=scores,
        early=None,
        origin=Branch(parent, step, operations, frame),
        keep=() if kept is None else kept.keep,
    )
    seed = parent.seed
    if operations:
        seed = seed_of(request.seed)
        spec = replace(spec, seed=seed, index=0)
    if request.branches > 1 and not any(map(_draws, operations)):
        message = "nothing is drawn, so all would be the same; resample, or inpaint with inner > 1"
        raise Problem.field("branches", message)
    first = spec.index
    return Plan(
        kind="edit",
        card=card,
        seed=seed,
        lanes=tuple(replace(spec, index=first + branch) for branch in range(request.branches)),
        filter=resolve_filter(request.filter, request.branches, card, spec, request.branches),
        form=form_of(request.output, card),
        profile=request.confidence.profile,
        map=request.confidence.map,
        deadline_s=request.deadline_s,
        priority=request.priority,
        handles=kept,
        parent=opened.handle.id,
    )


def named(error: ImpossibleError, request: EditRequest) -> Problem:
    """Return what the worker refused as a problem of the field that the client knows."""
    path, _, message = str(error).partition(": ")
    whose, *rest = path.split(".")
    if whose == "operations":
        lasting = [
            number
            for number, body in enumerate(request.operations)
            if not isinstance(body, ConditionOperation)
        ]
        path = ".".join([whose, str(lasting[int(rest[0])]), *rest[1:]])
    return Problem.field(WORDS.get(path, path), message)


def branching_step(request: EditRequest, opened: OpenedHandle) -> int:
    """Return the step of a trajectory at whose beginning it is left.

    Raises:
        Problem: It has no such step, or no such commit point.
    """
    at, last = request.at, opened.steps - 1
    if isinstance(at, AtTime):
        return step_at(opened.t, at.t)
    if isinstance(at, AtStep):
        if at.step > last:
            raise Problem.field("at.step", f"the trajectory has the steps 0 to {last}")
        return at.step
    rank, shift = (at.commit, at.shift) if isinstance(at, AtCommit) else (1, 0.0)
    if rank > len(opened.commits):
        raise Problem.field("at.commit", f"the trajectory has {len(opened.commits)} commit points")
    commit = opened.commits[rank - 1]
    return step_at(opened.t, commit["t"] + shift) if shift else min(commit["step"], last)


def _with_sampler(request: EditRequest, parent: FlowSpec, card: ModelCard) -> FlowSpec:
    """The parent's lane, integrated as is asked for."""
    if request.sampler is None:
        return parent
    if request.sampler.parallel is not None:
        raise Problem.field("sampler.parallel", "not for the rest of a trajectory")
    check_grid(request.sampler, card)
    plain = FlowSpec(parent.seed, parent.index, **request.sampler.lane())
    sampler = ("method", "steps", "tolerance", "min_steps", "max_steps", "grid")
    return replace(parent, **{name: getattr(plain, name) for name in sampler})


def _condition(
    operations: Sequence[OperationBody], parent: FlowSpec, card: ModelCard
) -> tuple[int | None, float]:
    """Class and guidance from here on."""
    label, scale = parent.label, parent.guidance
    for number, body in enumerate(operations):
        if isinstance(body, ConditionOperation):
            field = f"operations.{number}"
            if body.label is not None:
                label = label_of(body.label, card, f"{field}.label")
            scale = scale if body.scale is None else body.scale
            check_guidance(scale, label, f"{field}.scale")
    return label, scale


def _operation(
    body: OperationBody, opened: OpenedHandle, card: ModelCard, field: str
) -> Operation | None:
    """The operation of a lane; ``None`` for a condition, which is a field of it."""
    if isinstance(body, ConditionOperation):
        return None
    if isinstance(body, ResampleOperation):
        return Resample(body.strength, _region(body.region, card, f"{field}.region"))
    if isinstance(body, InpaintOperation):
        mask = _mask(body.mask, card, f"{field}.mask")
        return Inpaint(mask, _known(body, opened, card, f"{field}.known"), body.inner)
    return _guide(body, card, field)


def _region(region: RegionBody, card: ModelCard, field: str) -> Region:
    if isinstance(region, UncertainRegion):
        return Uncertain(region.uncertain)
    if isinstance(region, MaskRegion):
        return _mask(region.mask, card, f"{field}.mask")
    return "all"


def _draws(operation: Operation) -> bool:
    """Whether it has noise of its own."""
    return isinstance(operation, Resample) or (
        isinstance(operation, Inpaint) and operation.inner > 1
    )


def _mask(written: Any, card: ModelCard, field: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    mask = read_mask(written, card.shape, field)
    if not mask.any():
        raise Problem.field(field, "is above 0 nowhere")
    return mask


def _known(body: InpaintOperation, opened: OpenedHandle, card: ModelCard, field: str) -> Array:
    if body.known is None:
        return sample_of(opened.handle)["data"]
    return read(body.known, card.shape, field)


def _guide(body: GuideOperation, card: ModelCard, field: str) -> Guide:
    """The worker, which has the operators, checks the rest."""
    guide = Guide(body.operator, body.strength, factor=body.factor, sigma=body.sigma)
    try:
        shape = guide.measured(card.shape)
    except ValueError as error:
        raise Problem.field(f"{field}.factor", str(error).removeprefix("factor: ")) from error
    target = None if body.target is None else read(body.target, shape, f"{field}.target")
    mask = None if body.mask is None else _mask(body.mask, card, f"{field}.mask")
    return replace(guide, target=target, mask=mask)
