"""Requests that the OpenAPI document shows. They run as they are on the embedded checkpoints."""

from __future__ import annotations

from fastapi.openapi.models import Example

REQUESTS: dict[str, Example] = {
    "smallest": {
        "summary": "One sample of the default model",
        "value": {},
    },
    "images": {
        "summary": "Four images of a class, the doubtful ones marked",
        "value": {
            "model": "fashion",
            "n": 4,
            "seed": 7,
            "condition": {"label": "Sneaker"},
            "sampler": {"method": "heun", "steps": 10},
            "confidence": {"also": ["path_residual", "adherence"]},
            "filter": {"by": "confidence", "min": 0.3, "action": "annotate"},
        },
    },
    "vectors": {
        "summary": "Points in the plane with the profile of their uncertainty",
        "value": {
            "model": "ring",
            "n": 8,
            "seed": 7,
            "sampler": {"method": "rk4", "steps": 20},
            "confidence": {"method": "propagated", "profile": True, "map": True},
            "output": {"format": "list"},
        },
    },
    "adaptive": {
        "summary": "Points that take as many steps as each of them needs",
        "value": {
            "model": "ring",
            "n": 8,
            "seed": 7,
            "sampler": {"method": "bosh3", "tolerance": 0.01, "max_steps": 100},
        },
    },
    "parallel": {
        "summary": "A point after fewer network calls, several steps of its path in each",
        "value": {
            "model": "ring",
            "seed": 7,
            "sampler": {
                "method": "euler",
                "steps": 200,
                "parallel": {"window": 16, "tolerance": 0.001},
            },
        },
    },
    "surest": {
        "summary": "Images of the more confident half by calibration, the others left out",
        "value": {
            "model": "fashion",
            "n": 4,
            "seed": 7,
            "condition": {"label": "Bag"},
            "sampler": {"method": "heun", "steps": 20},
            "filter": {"keep": 0.5, "action": "drop"},
        },
    },
    "accept": {
        "summary": "As many points as it takes until four of them are confident",
        "value": {
            "model": "ring",
            "seed": 7,
            "filter": {
                "by": "confidence",
                "min": 0.6,
                "accept": 4,
                "action": "regenerate",
                "max_attempts": 8,
            },
        },
    },
    "filtered": {
        "summary": "Keep only points that the model was sure of",
        "value": {
            "model": "ring-exact",
            "n": 8,
            "seed": 7,
            "sampler": {"method": "euler", "steps": 50},
            "filter": {"by": "uncertainty", "max": 2.0, "action": "drop"},
        },
    },
}
