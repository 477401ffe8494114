"""Valid requests of every route, on the models ``points`` and ``icons`` of the tests."""

from __future__ import annotations

from typing import Any

from benchmarks.hostile.request import Sound

MASK = [[1, 0, 0, 0]] * 4
RESAMPLE = {"type": "resample", "strength": 0.5, "region": {"uncertain": 0.5}}
MASKED = {"type": "resample", "region": {"mask": MASK}}
CONDITION = {"type": "condition", "label": 1, "scale": 1.0, "arrays": {}}
INPAINT = {"type": "inpaint", "mask": MASK, "known": MASK, "inner": 1}
GUIDE = {"type": "guide", "operator": "mask", "target": MASK, "mask": MASK, "strength": 1.0}
SHRINK = {"type": "guide", "operator": "downsample", "target": [[0]], "factor": 4, "sigma": 1.0}

GENERATE: dict[str, dict[str, Any]] = {
    "fixed": {
        "model": "icons",
        "n": 1,
        "seed": 3,
        "condition": {"label": 0},
        "guidance": {"scale": 1.5, "negative": {"label": 1}},
        "sampler": {"method": "heun", "steps": 2, "grid": "uniform"},
        "confidence": {"method": "propagated", "also": ["straightness"], "profile": True},
        "filter": {"by": "uncertainty", "max": 9.0, "accept": 1, "max_attempts": 1},
        "rewind": {"keep": [0.5], "ttl_s": 60.0},
        "output": {"format": "list"},
        "deadline_s": 60.0,
        "priority": 0,
    },
    "adaptive": {
        "model": "points",
        "sampler": {"method": "dopri5", "tolerance": 0.1, "min_steps": 1, "max_steps": 9},
        "filter": {"by": "uncertainty", "max": 9.0, "action": "rewind", "shift": -0.1},
    },
    "parallel": {"sampler": {"method": "euler", "steps": 4, "parallel": {"window": 2}}},
    "compared": {"n": 4, "filter": {"top": 1, "early": "halving"}, "sampler": {"steps": 5}},
    "turns": {
        "model": "icons",
        "n": 2,
        "labels": [0, 1],
        "filter": {"by": "uncertainty", "top": 2, "stratify": True},
        "sampler": {"steps": 2},
    },
    "promise": {"model": "icons", "condition": {"label": 1}, "filter": {"any_good": 0.9}},
    "class": {
        "model": "icons",
        "condition": {"label": 1},
        "filter": {"max_bad_rate": 0.5, "per": "class"},
    },
    "least": {},
}

IMAGES: dict[str, dict[str, Any]] = {
    "class": {
        "model": "icons",
        "prompt": "half",
        "n": 1,
        "size": "4x4",
        "response_format": "b64_json",
        "output_format": "png",
        "background": "opaque",
        "quality": "high",
        "output_compression": 50,
        "user": "anna",
        "seed": 3,
        "sampler": {"steps": 2},
        "guidance": {"scale": 1.5},
        "confidence": {"also": ["straightness"]},
        "filter": {"by": "uncertainty", "max": 9.0, "action": "drop"},
        "rewind": {"keep": "commit"},
    },
    "stream": {"model": "icons", "stream": True, "partial_images": 2, "sampler": {"steps": 4}},
    "least": {},
}

INVERT: dict[str, Any] = {
    "model": "points",
    "samples": [[0.5, 0.5]],
    "seed": 1,
    "sampler": {"steps": 2},
    "rewind": {"keep": "all"},
}

EDITS: dict[str, dict[str, Any]] = {
    "time": {
        "at": {"t": 0.5},
        "operations": [RESAMPLE, CONDITION, INPAINT, GUIDE],
        "sampler": {"steps": 3},
        "keep": "best",
        "require_exact": False,
    },
    "commit": {"at": {"commit": 1, "shift": 0.0}, "operations": [MASKED], "branches": 2},
    "step": {"at": {"step": 1}, "operations": [SHRINK], "seed": 1},
}

CALIBRATE: dict[str, Any] = {"sampler": {"steps": 2}, "guidance": {"scale": 1.0}, "draws": 1}
"""Too few draws, since a calibration would outlast its request."""

REFIT: dict[str, Any] = {"name": "icons-2", "draws": 100, "bad_above": 0.5}
"""Of verdicts that are too few."""

VERDICTS: dict[str, Any] = {
    "verdicts": [
        {"recipe": {"model": "points", "seed": 7}, "index": 0, "verdict": "good"},
        {"handle": "hdl_absent", "verdict": 0.5},
        {"response": "absent", "index": 1, "verdict": None},
    ]
}

REVIEW = {
    "limit": "1",
    "focus": "0.5",
    "max_bad_rate": "0.1",
    "bad_above": "0.5",
    "scores": "true",
    "format": "list",
}

INFER: dict[str, Any] = {
    "id": "1",
    "parameters": {"timeout": 10_000_000, "priority": 1, "sampler.steps": 2},
    "inputs": [
        {"name": "n", "datatype": "INT32", "shape": [1], "data": [1]},
        {"name": "seed", "datatype": "INT64", "shape": [1], "data": [4]},
    ],
    "outputs": [{"name": "samples", "parameters": {"binary_data": False}}],
}

TOOL: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "generate", "arguments": {"model": "points", "n": 1, "steps": 2}},
}
"""Answered where the tools for agents are installed."""

PAGES = (
    *("/health/live", "/health/ready", "/metrics", "/openapi.json", "/docs"),
    *("/v1/models", "/v2", "/v2/health/live", "/v2/health/ready"),
)


def sound(handle: str) -> list[Sound]:
    """Valid requests of all routes, but that nothing is loaded, unloaded or calibrated."""
    return [*_making(handle), *_looking(handle)]


def _making(handle: str) -> list[Sound]:
    versions = {"name": "points", "version": "x"}
    return [
        *(Sound("POST", "/v1/generate", body=body) for body in GENERATE.values()),
        Sound("POST", "/generate", body={"n": 1}),
        *(Sound("POST", "/v1/images/generations", body=body) for body in IMAGES.values()),
        *(Sound("POST", route, body=INVERT) for route in ("/v1/invert", "/invert")),
        *(Sound("POST", "/v1/edit", body={"handle": handle, **body}) for body in EDITS.values()),
        Sound("POST", "/edit", body={"handle": handle}),
        Sound("POST", "/v1/models/{name}/calibrate", {"name": "icons"}, CALIBRATE),
        Sound("POST", "/v1/models/{name}/review", {"name": "icons"}, {"bad_above": 0.5}),
        Sound("POST", "/v1/models/{name}/review/refit", {"name": "icons"}, REFIT),
        Sound("POST", "/v1/verdicts", body=VERDICTS),
        Sound("POST", "/v2/models/{name}/infer", {"name": "points"}, INFER),
        Sound("POST", "/v2/models/{name}/versions/{version}/infer", versions, INFER),
        Sound("POST", "/v2/repository/index", body={}),
        Sound("POST", "/mcp", body=TOOL),
    ]


def _looking(handle: str) -> list[Sound]:
    absent, points, known = {"id": "absent"}, {"name": "points"}, {"id": handle}
    frames = {"t": "0.5", "show": "map", "format": "list"}
    return [
        *(Sound("GET", path) for path in PAGES),
        Sound("GET", "/v1/models/{name}", points),
        Sound("GET", "/v1/models/{name}/review", points, query=REVIEW),
        Sound("GET", "/v1/verdicts", query={"model": "points"}),
        Sound("POST", "/v1/models/{name}/load", {"name": "absent"}),
        Sound("POST", "/v1/models/{name}/unload", {"name": "absent"}),
        Sound("GET", "/v1/handles", query={"limit": "1", "before": "5"}),
        Sound("GET", "/v1/handles/{id}", known, query={"format": "list"}),
        Sound("GET", "/v1/handles/{id}/frames", known, query=frames),
        Sound("DELETE", "/v1/handles/{id}", absent),
        Sound("GET", "/v1/jobs", query={"limit": "1"}),
        Sound("GET", "/v1/jobs/{id}", absent),
        Sound("GET", "/v1/jobs/{id}/events", absent),
        Sound("DELETE", "/v1/jobs/{id}", absent),
        Sound("GET", "/v2/models/{name}", points),
        Sound("GET", "/v2/models/{name}/ready", points),
        Sound("GET", "/v2/models/{name}/versions/{version}", {**points, "version": "x"}),
        Sound("GET", "/v2/models/{name}/versions/{version}/ready", {**points, "version": "x"}),
        Sound("GET", "/_nicegui/{name}", {"name": "x"}),
        Sound("GET", "/{name}", {"name": "absent"}),
    ]
