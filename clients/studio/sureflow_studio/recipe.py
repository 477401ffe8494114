"""How a sample was made, so that it can be made again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sureflow_client import (
    AtStep,
    GenerateOptions,
    Handle,
    OperationLike,
    Sample,
    edit_body,
    generate_body,
)

from .asked import INVERT, ask_of
from .family import Member, Recipe


def generated(model: str, version: str, options: GenerateOptions, sample: Sample) -> Recipe:
    """Return the request that makes a sample alone, and its index.

    Equal model version, seed and request give equal samples; a filter does not change them.

    Args:
        model: Name of the model.
        version: Its checksum.
        options: Of the request.
        sample: What came of it.
    """
    alone: GenerateOptions = {"seed": sample.seed, "first": sample.index, "filter": None}
    said: GenerateOptions = {**options, **alone}
    request = generate_body(model, 1, **said)
    return ({"path": "/v1/generate", "version": version, "request": request, "pick": sample.index},)


def edited(
    parent: Member, operations: Sequence[OperationLike], step: int, branches: int, sample: Sample
) -> Recipe | None:
    """Return the requests that make a branch; ``None`` where nobody knows how its parent was made.

    The last one wants the handle of the sample before it.

    Args:
        parent: What it branched off from.
        operations: What was done there.
        step: After how many.
        branches: How many were made.
        sample: This one.
    """
    if parent.recipe is None:
        return None
    request = edit_body(
        "of the sample before",
        operations,
        at=AtStep(step),
        branches=branches,
        seed=sample.seed,
        rewind=True,
    )
    return (*parent.recipe, {"path": "/v1/edit", "request": request, "pick": sample.index})


def kept(handle: Handle, parent: Member | None) -> Recipe | None:
    """Return the requests that make a sample of an earlier visit, as the server has kept them.

    Args:
        handle: Of the sample.
        parent: What it branched off from, where that is known.
    """
    asked, sample = handle.asked, handle.sample
    if asked is None:
        return None
    if (ask := ask_of(asked)) is not None:
        options = cast("GenerateOptions", ask.options)
        return generated(handle.model, handle.model_version, options, sample)
    call = {"path": asked.path, "request": asked.request, "pick": sample.index}
    if asked.path == INVERT:
        return ({**call, "version": handle.model_version},)
    return None if parent is None or parent.recipe is None else (*parent.recipe, call)


def document(member: Member) -> dict[str, Any]:
    """Return the recipe of a member as a JSON object, with what the sample was like.

    Its ``calls`` are null where nobody knows any more.
    """
    sample = member.sample
    known: dict[str, Any] = {"handle": member.handle, "parent": member.parent}
    if sample is not None:
        known |= {"confidence": sample.confidence, "uncertainty": sample.uncertainty}
        known |= {"method": sample.method, "evaluations": sample.evaluations}
    calls = None if member.recipe is None else [*member.recipe]
    return {"model": member.model, "sample": known, "calls": calls}
