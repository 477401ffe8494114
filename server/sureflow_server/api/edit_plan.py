"""From an edit to the lanes that branch off, or to the field that cannot be served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sureflow.core.card import ModelCard
from sureflow.core.commit import step_at
from sureflow.core.family import family_of
from sureflow.core.frame import Frame
from sureflow.core.lane import Branch, LaneSpec, depth
from sureflow.recipe import MAX_DEPTH
from sureflow_server.api.edit_request import AtCommit, AtStep, AtTime, EditRequest
from sureflow_server.api.family_part import operation_of, read_part
from sureflow_server.api.halving import halving_warning
from sureflow_server.api.handle_options import handle_options, sample_of
from sureflow_server.api.opened_handle import OpenedHandle
from sureflow_server.api.plan import Plan
from sureflow_server.api.problems import Problem
from sureflow_server.api.resolve import form_of, scores_of, seed_of
from sureflow_server.api.resolve_filter import NOTHING, resolve_filter, second_stage
from sureflow_server.engine.errors import ImpossibleError
from sureflow_server.settings import Settings

WIRE_NAMES = {"parent": "handle", "frame": "handle", "step": "at", "scores": "confidence.method"}
"""Fields of a request by the name that lanes have for them; a family has more."""


@dataclass(frozen=True, slots=True)
class EditPlan(Plan):
    """What an edit comes to.

    The ``places`` are those of the lanes' operations in the request.
    """

    places: tuple[int, ...] = ()

    def named(self, error: ImpossibleError) -> Problem:
        """Return what the worker refused as a problem of the field that the client knows."""
        path, _, message = str(error).partition(": ")
        whose, *rest = path.split(".")
        if whose == "operations":
            path = ".".join([whose, str(self.places[int(rest[0])]), *rest[1:]])
        names = WIRE_NAMES | dict(self.family.wire_names)
        return Problem.field(names.get(path, path), message)


def plan_edit(
    request: EditRequest,
    opened: OpenedHandle,
    card: ModelCard,
    step: int,
    frame: Frame | None,
    settings: Settings,
    judges: Sequence[str] = (),
    withdrawn: Mapping[str, str] = NOTHING,
) -> EditPlan:
    """Resolve what an edit asks for.

    The ``frame`` is the last one at the step or before, if one is kept; the ``judges`` are those
    of this server, by name, and ``withdrawn`` the certificates that do not hold.

    Raises:
        Problem: It cannot be done; names the field.
        InvalidFieldError: The model cannot do it.
    """
    most = settings.max_samples_per_request
    if request.branches > most:
        raise Problem.field("branches", f"at most {most} per request, got {request.branches}")
    parent = opened.spec
    if depth(parent) >= MAX_DEPTH - 1:  # one is left to look through what comes of it
        raise Problem.field("handle", f"{MAX_DEPTH - 1} edits lie before it, and no more may")
    spec, operations = _edited(request, opened, card)
    kept = handle_options(request.rewind, settings)
    spec = replace(
        spec,
        scores=scores_of(request.confidence, card, spec, usual=parent.scores),
        early=None,
        origin=Branch(parent, step, tuple(each for _, each in operations), frame),
        keep=() if kept is None else kept.keep,
    )
    seed = parent.seed
    if operations:
        seed = seed_of(request.seed)
        spec = replace(spec, seed=seed, index=0)
    family = family_of(card)
    drawing = family.wanders(spec) or any(family.draws_noise(each) for _, each in operations)
    if not drawing and (request.branches > 1 or request.first is not None):
        message = "nothing is drawn, so all would be the same; resample, or inpaint with inner > 1"
        raise Problem.field("branches" if request.branches > 1 else "first", message)
    first = spec.index if request.first is None else request.first
    warning = halving_warning(request.filter, spec)
    branches = request.branches
    return EditPlan(
        kind="edit",
        card=card,
        seed=seed,
        lanes=tuple(replace(spec, index=first + branch) for branch in range(branches)),
        filter=resolve_filter(request.filter, branches, card, (spec,), branches, withdrawn),
        form=form_of(request.output, card),
        profile=request.confidence.profile,
        map=request.confidence.map,
        deadline_s=request.deadline_s,
        priority=request.priority,
        handles=kept,
        parent=opened.handle.id,
        places=tuple(place for place, _ in operations),
        warnings=() if warning is None else (warning,),
        asked=request,
        then=second_stage(request.filter, judges),
    )


def _edited(
    request: EditRequest, opened: OpenedHandle, card: ModelCard
) -> tuple[LaneSpec, list[tuple[int, object]]]:
    """The lane that goes on, and its operations by their place in the request."""
    family = family_of(card)
    sampler, operations = request.sampler, request.operations
    if operations:
        if not family.operation_bodies:
            raise Problem.field("operations", f"{card.name} knows none")
        kind: Any = operation_of(family)
        operations = read_part(tuple[kind, ...], [*operations], "operations")
    if sampler is not None:
        sampler = family.completed(sampler, family.sampler_options(opened.spec))
        sampler = read_part(family.sampler, sampler, "sampler")
    return family.edit(
        card, opened.spec, sampler, operations, lambda: sample_of(opened.handle)["state"]
    )


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
