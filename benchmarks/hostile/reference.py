"""Samples that must never change a byte."""

from __future__ import annotations

import json
from typing import Any

import httpx

BODIES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/v1/generate", {"n": 8, "seed": 11}),
    (
        "/v1/generate",
        {
            "n": 3,
            "seed": 5,
            "sampler": {"method": "heun", "steps": 7},
            "confidence": {"profile": True},
        },
    ),
    (
        "/v1/generate",
        {"n": 2, "seed": 3, "sampler": {"method": "dopri5", "tolerance": 0.01}},
    ),
    ("/v1/invert", {"samples": [[0.5, 1.5], [-1.0, 0.25]], "seed": 2}),
)


def reference(client: httpx.Client) -> list[str]:
    """Return the samples of fixed requests, as JSON."""
    return [_samples(client.post(path, json=body)) for path, body in BODIES]


def _samples(answer: httpx.Response) -> str:
    return json.dumps(answer.raise_for_status().json()["samples"], sort_keys=True)
