"""Edits of draws, which a review may be of, and what tells an edit from others."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Annotated, Any

from pydantic import Field

from sureflow.confidence.certificates import EDIT
from sureflow.core.card import ModelCard
from sureflow.core.family import family_of
from sureflow.core.lane import Array, Branch, LaneSpec
from sureflow.core.schema import MOST, AtMost, Integer, Schema
from sureflow.recipe import dump
from sureflow_server.api.edit_request import MAX_OPERATIONS
from sureflow_server.api.family_part import deferred_part, operation_of, read_part
from sureflow_server.api.problems import Problem


class EditedDraws(Schema):
    """The edit of `POST /v1/edit` that is reviewed: of all draws at one step, and the same."""

    step: Annotated[Integer, Field(ge=0, le=MOST)]
    """Steps completed, where every draw is left."""

    operations: Annotated[
        tuple[Annotated[Any, deferred_part(operation_of)], ...], AtMost(MAX_OPERATIONS)
    ] = ()
    """What is done there, as for `POST /v1/edit`."""

    def record(self) -> dict[str, Any]:
        """It as JSON, which is the same for the same edit."""
        return self.model_dump(mode="json")


def edited_lane(card: ModelCard, draw: LaneSpec, edit: EditedDraws) -> LaneSpec:
    """The lane that edits a draw.

    Raises:
        Problem: The model cannot do it, or draws so edited are no class of their own; names the
            field.
    """
    family, steps = family_of(card), getattr(draw, "steps", None)
    if steps is None or edit.step >= steps:
        last = "no steps that are the same for all" if steps is None else f"steps 0 to {steps - 1}"
        raise Problem.field(f"{EDIT}.step", f"the draws have {last}")
    kind: Any = operation_of(family)
    if edit.operations and kind is None:
        raise Problem.field(f"{EDIT}.operations", f"{card.name} knows none")
    operations: Any = ()
    if edit.operations:
        operations = read_part(tuple[kind, ...], [*edit.operations], f"{EDIT}.operations")
    spec, placed = family.edit(card, draw, None, operations, _no_sample)
    origin = Branch(draw, edit.step, tuple(each for _, each in placed))
    lane = replace(spec, seed=draw.seed + 1, scores=draw.scores, early=None, keep=(), origin=origin)
    if family.strata(lane) != family.strata(draw):
        raise Problem.field(f"{EDIT}.operations", "they make something else of a class")
    if (obstacle := family.obstacle(lane.scores[0], card, lane)) is not None:
        raise Problem.field(EDIT, f"{lane.scores[0]} {obstacle}")
    return lane


def edit_key(lane: LaneSpec) -> str | None:
    """What lanes have in common that edit alike a sample made from noise; ``None`` for others.

    It is all that decides on their samples but seeds, indices, and the class.
    """
    origin = lane.origin
    if not isinstance(origin, Branch) or origin.parent.origin is not None:
        return None
    if getattr(lane, "label", None) != getattr(origin.parent, "label", None):
        return None  # another class, which a certificate tells apart
    alike = replace(origin, parent=_bare(origin.parent), frame=None)
    return f"sha256:{sha256(dump(replace(_bare(lane), origin=alike))).hexdigest()}"


def _bare(lane: LaneSpec) -> LaneSpec:
    own: dict[str, Any] = {"seed": 0, "index": 0, "label": None}  # in which draws differ
    changes = {name: value for name, value in own.items() if hasattr(lane, name)}
    return replace(lane, scores=(), early=None, keep=(), **changes)


def _no_sample() -> Array:
    message = "one of them needs the sample that is edited, and is another for every draw"
    raise Problem.field(f"{EDIT}.operations", message)
