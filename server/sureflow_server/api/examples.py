"""Requests that the OpenAPI document shows: on the embedded checkpoints, or on a handle."""

from __future__ import annotations

from typing import Any

from fastapi.openapi.models import Example


def _example(summary: str, /, **value: Any) -> Example:
    return {"summary": summary, "value": value}


REQUESTS = {
    "smallest": _example("One sample of the default model"),
    "images": _example(
        "Four images of a class, the doubtful ones marked",
        model="fashion",
        n=4,
        seed=7,
        condition={"label": "Sneaker"},
        sampler={"method": "heun", "steps": 10},
        confidence={"also": ["path_residual", "adherence"]},
        filter={"by": "confidence", "min": 0.3, "action": "annotate"},
    ),
    "vectors": _example(
        "Points in the plane with the profile of their uncertainty",
        model="ring",
        n=8,
        seed=7,
        sampler={"method": "rk4", "steps": 20},
        confidence={"method": "propagated", "profile": True, "map": True},
        output={"format": "list"},
    ),
    "adaptive": _example(
        "Points that take as many steps as each of them needs",
        model="ring",
        n=8,
        seed=7,
        sampler={"method": "bosh3", "tolerance": 0.01, "max_steps": 100},
    ),
    "parallel": _example(
        "A point after fewer network calls, several steps of its path in each",
        model="ring",
        seed=7,
        sampler={"method": "euler", "steps": 200, "parallel": {"window": 16, "tolerance": 0.001}},
    ),
    "surest": _example(
        "Images of the more confident half by calibration, the others left out",
        model="fashion",
        n=4,
        seed=7,
        condition={"label": "Bag"},
        sampler={"method": "heun", "steps": 20},
        filter={"keep": 0.5, "action": "drop"},
    ),
    "accept": _example(
        "As many points as it takes until four of them are confident",
        model="ring",
        seed=7,
        filter={
            "by": "confidence",
            "min": 0.6,
            "accept": 4,
            "action": "regenerate",
            "max_attempts": 8,
        },
    ),
    "promised": _example(
        "As few digits as make sure that one of them is good",
        model="digits",
        seed=7,
        condition={"label": "8"},
        filter={"any_good": 0.99, "action": "drop"},
    ),
    "balanced": _example(
        "The surest of each of two classes",
        model="digits",
        n=6,
        seed=7,
        labels=["3", "8"],
        filter={"top": 2, "stratify": True, "action": "drop"},
    ),
    "filtered": _example(
        "Keep only points that the model was sure of",
        model="ring-exact",
        n=8,
        seed=7,
        sampler={"method": "euler", "steps": 50},
        filter={"by": "uncertainty", "max": 2.0, "action": "drop"},
    ),
}

IMAGES = {
    "smallest": _example("One image of the first model that makes images"),
    "prompt": _example(
        "Two images of a class, by its name",
        model="fashion",
        prompt="sneaker",
        n=2,
        size="28x28",
        response_format="b64_json",
        seed=7,
    ),
    "surest": _example(
        "Images of the more confident half, with fields of `POST /v1/generate`",
        model="fashion",
        prompt="Bag",
        n=4,
        seed=7,
        sampler={"method": "heun", "steps": 20},
        filter={"keep": 0.5, "action": "drop"},
    ),
    "stream": _example(
        "An image, shown three times on its way",
        model="fashion",
        prompt="Coat",
        stream=True,
        partial_images=3,
        seed=7,
    ),
}

EDITS = {
    "variations": _example(
        "Four variations from the commit point on, the surest of them all",
        handle="hdl_AAAAAAAAAAAAAAAAAAAAAA",
        operations=[{"type": "resample", "strength": 1.0}],
        branches=4,
        keep="best",
    ),
    "class": _example(
        "Another class from a little before the commit point on",
        handle="hdl_AAAAAAAAAAAAAAAAAAAAAA",
        at={"commit": 1, "shift": -0.1},
        operations=[{"type": "condition", "label": "Bag"}],
        rewind={"keep": "commit"},
    ),
    "unsure": _example(
        "Only the least sure fifth of the pixels drawn anew",
        handle="hdl_AAAAAAAAAAAAAAAAAAAAAA",
        at={"t": 0.5},
        operations=[{"type": "resample", "region": {"uncertain": 0.2}}],
    ),
}

INVERSIONS = {
    "points": _example(
        "How likely two points are, and the noise that they come from",
        model="ring",
        samples=[[1.5, 0.0], [0.2, 0.1]],
        confidence={"method": "likelihood"},
        rewind={"keep": "commit"},
    ),
}
