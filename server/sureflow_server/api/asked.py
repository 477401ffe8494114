"""What a request asked for, which is kept beside the handles that came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from fastapi import Request

from sureflow.core.codec import Codec
from sureflow.core.lane import Inverted, LaneSpec
from sureflow_server.api.plan import Kind, Plan

PATHS: dict[Kind, str] = {kind: f"/v1/{kind}" for kind in ("generate", "edit", "invert")}
"""Where requests are sent, by what they are counted as."""

GIVEN = "samples"
"""The field of samples to be inverted. Their lanes hold them, so nothing else does."""

MOST = 2048
"""Bytes of what is kept; a longer one has arrays in it."""


async def asked_of(request: Request, planned: Plan) -> dict[str, Any] | None:
    """Return the request that makes the samples again, as the note of a handle has it.

    Through whatever door it came, it is one of ours. It names the model and the seed, also where
    these were left to the server. ``None`` where it is long.
    """
    asked, kind = planned.asked, planned.kind
    if asked is None or (kind != "invert" and len(await request.body()) > MOST):
        return None
    said = asked.model_dump(exclude_unset=True, exclude={GIVEN})
    if kind != "edit":
        said |= {"model": planned.card.name}
    if kind != "edit" or said.get("operations"):
        said |= {"seed": planned.seed}
    try:
        text = json.dumps(said, default=_listed)
    except OverflowError:
        return None
    return {"path": PATHS[kind], "request": json.loads(text)} if len(text) <= MOST else None


def told(asked: Mapping[str, Any] | None, spec: LaneSpec, codec: Codec) -> dict[str, Any] | None:
    """Return what a note says as a client reads it, the schema being ``AskedRecord``.

    A sample that was given is there again, alone, its index being that of the lane.
    """
    if asked is None or not isinstance(spec.origin, Inverted):
        return None if asked is None else {**asked}
    alone = {GIVEN: [codec.encode(spec.origin.data, "npy")], "first": spec.index}
    return {**asked, "request": {**asked["request"], **alone}}


def _listed(array: np.ndarray[Any, Any]) -> Any:
    if array.size > MOST:
        raise OverflowError
    return array.tolist()
