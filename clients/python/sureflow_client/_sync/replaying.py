# Generated from _async/replaying.py by `make twins`: edit that file, not this.
"""Making a sample again by its recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._exceptions import Gone, InvalidArgument, NotFound
from .._handle import Handle
from .._recipe import Call, Recipe, picked
from .._replay import Replay
from .._result import Result
from .._sample import Sample
from .connection import Connection

FORMATS = {"image/png": "png", "application/x-npy": "npy", "application/json": "list"}
"""What a request calls an encoding."""


def replay(client: Connection, recipe: Recipe) -> Replay:
    """Make a sample again and compare it with that of before, if it is still known."""
    form = "npy" if recipe.digest is None else FORMATS.get(str(recipe.media_type), "npy")
    before = _before(client, recipe.handle, form)
    calls = recipe.calls or (_again(before),)
    sample = _made(client, calls, form)
    return Replay.of(sample, recipe, None if before is None else before.sample)


def _again(handle: Handle | None) -> Call:
    """Return the edit that does nothing, by which the server makes a trajectory again.

    It begins at the beginning; that of a branch is its parent's, so that one begins at its end.
    """
    if handle is None:
        raise InvalidArgument("the handle is gone, and with it what would make the sample")
    branched = handle.parent is not None or handle.sample.rewound_from is not None
    step = handle.steps - 1 if branched else 0
    request = {"handle": handle.id, "at": {"step": step}, "operations": []}
    return Call("/v1/edit", request, handle.sample.index)


def _made(client: Connection, calls: tuple[Call, ...], form: str) -> Sample:
    """Return what the last call makes; the ones before it make what it begins with."""
    sample: Sample | None = None
    for place, call in enumerate(calls):
        body: dict[str, Any] = {**call.request, "output": {"format": form}}
        if place + 1 < len(calls) and not isinstance(body.get("rewind"), Mapping):
            body["rewind"] = {}
        if sample is not None:
            if sample.handle is None:
                raise InvalidArgument("a sample on the way has no handle, so it cannot be edited")
            body["handle"] = sample.handle.id
        result = client._ask(Result, "POST", call.path, body=body)
        sample = picked(result.samples, call.pick)
    assert sample is not None
    return sample


def _before(client: Connection, handle: str | None, form: str) -> Handle | None:
    """Return a handle, with its sample; ``None`` where it is gone."""
    if handle is None:
        return None
    try:
        query = {"format": form}
        return client._ask(Handle, "GET", "/v1/handles", handle, query=query)
    except (NotFound, Gone):
        return None
