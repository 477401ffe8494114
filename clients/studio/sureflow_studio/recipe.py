"""How a sample was made, so that it can be made again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sureflow_client import GenerateOptions, Operation, Sample

from .family import Member, Recipe

NOT_OF_A_SAMPLE = ("rewind", "filter", "deadline_s", "priority", "profile", "map")
"""Options of a request that do not change the samples in it."""


def generated(model: str, version: str, options: GenerateOptions, sample: Sample) -> Recipe:
    """Return the call that makes a sample: ``client.generate(**arguments)``, then ``pick``."""
    made: dict[str, Any] = {key: each for key, each in options.items() if _makes(key, each)}
    arguments = {"model": model, "n": sample.index + 1, **made, "seed": sample.seed, "rewind": True}
    return ({"call": "generate", "arguments": arguments, "pick": sample.index, "version": version},)


def edited(
    parent: Member, operations: Sequence[Operation], arguments: Mapping[str, Any], sample: Sample
) -> Recipe | None:
    """Return the calls that make a branch; ``None`` where nobody knows how its parent was made.

    ``client.edit(handle, operations, **arguments)``, with the handle that the call before gave.
    """
    if parent.recipe is None:
        return None
    written = [operation.body() for operation in operations]
    call = {
        "call": "edit",
        "operations": written,
        "arguments": {**arguments, "seed": sample.seed, "rewind": True},
        "pick": sample.index,
    }
    return (*parent.recipe, call)


def document(member: Member) -> dict[str, Any]:
    """Return the recipe of a member as a JSON object, with what the sample was like."""
    sample = member.sample
    known: dict[str, Any] = {"handle": member.handle, "parent": member.parent}
    if sample is not None:
        known |= {"confidence": sample.confidence, "uncertainty": sample.uncertainty}
        known |= {"method": sample.method, "evaluations": sample.evaluations}
    calls = None if member.recipe is None else [*member.recipe]
    return {"model": member.model, "sample": known, "calls": calls}


def _makes(key: str, value: object) -> bool:
    return value is not None and key not in NOT_OF_A_SAMPLE
