"""How a sample was made, so that it can be made again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sureflow_client import GenerateOptions, Operation, Sample

from .family import Member, Recipe

SAMPLER = ("method", "steps", "tolerance", "grid")


def generated(model: str, version: str, options: GenerateOptions, sample: Sample) -> Recipe:
    """Return the request that makes a sample, and which of its samples it is.

    Equal model version, seed and request give equal samples; a filter does not change them.

    Args:
        model: Name of the model.
        version: Its checksum.
        options: Of the request.
        sample: What came of it.
    """
    request = {
        "model": model,
        "n": sample.index + 1,
        "seed": sample.seed,
        "condition": _said(label=options.get("label")),
        "guidance": _said(scale=options.get("guidance")),
        "sampler": _said(**{name: options.get(name) for name in SAMPLER}),
        "confidence": _said(method=options.get("score")),
        "rewind": {},
    }
    said = {name: part for name, part in request.items() if part != {} or name == "rewind"}
    return ({"path": "/v1/generate", "version": version, "request": said, "pick": sample.index},)


def edited(
    parent: Member, operations: Sequence[Operation], step: int, branches: int, sample: Sample
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
    request = {
        "handle": "of the sample before",
        "at": {"step": step},
        "operations": [operation.body() for operation in operations],
        "branches": branches,
        "seed": sample.seed,
        "rewind": {},
    }
    return (*parent.recipe, {"path": "/v1/edit", "request": request, "pick": sample.index})


def document(member: Member) -> dict[str, Any]:
    """Return the recipe of a member as a JSON object, with what the sample was like.

    Its ``calls`` are null for a sample of an earlier visit.
    """
    sample = member.sample
    known: dict[str, Any] = {"handle": member.handle, "parent": member.parent}
    if sample is not None:
        known |= {"confidence": sample.confidence, "uncertainty": sample.uncertainty}
        known |= {"method": sample.method, "evaluations": sample.evaluations}
    calls = None if member.recipe is None else [*member.recipe]
    return {"model": member.model, "sample": known, "calls": calls}


def _said(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
