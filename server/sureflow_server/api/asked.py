"""What a request said, which is kept beside the handles that came of it."""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request

from sureflow_server.api.plan import Plan

PATHS = {f"{place}/{name}": f"/v1/{name}" for name in ("generate", "edit") for place in ("/v1", "")}
"""Paths of requests whose bodies are kept, and what they are called; some have two names."""

MOST = 2048
"""Bytes of a body that is kept; a longer one has arrays in it."""


async def asked_of(request: Request, planned: Plan) -> dict[str, Any] | None:
    """Return the request that makes the samples again, its schema being ``AskedRecord``.

    It names the model and the seed, also where the body left them to the server. ``None`` where it
    was asked for at another path, or is long.
    """
    path, body = PATHS.get(request.scope["path"]), await request.body()
    if path is None or len(body) > MOST:
        return None
    said = json.loads(body)
    if planned.kind == "generate":
        said |= {"model": planned.card.name, "seed": planned.seed}
    elif said.get("operations"):
        said |= {"seed": planned.seed}
    return {"path": path, "request": said}
