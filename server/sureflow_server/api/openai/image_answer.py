"""Finished samples as OpenAI's clients read images, with what we say of them beside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from time import time
from typing import Any

import numpy as np

from sureflow_server.api.answer import head, record, tail
from sureflow_server.api.openai.image_plan import ImagePlan, in_words
from sureflow_server.api.plan import Plan
from sureflow_server.api.resolve import IMAGE
from sureflow_server.api.run import Result, Run

BACKGROUND = "opaque"

TOKENS = {
    "input_tokens": 0,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
    "output_tokens": 0,
    "total_tokens": 0,
}
"""What OpenAI counts, and nothing here costs."""


def images_answer(run: Run, request_id: str, asked: ImagePlan) -> dict[str, Any]:
    """Return the whole answer, its images in the order of their index, each when it is needed."""
    ended = tail(run)
    left_out = left_out_of(run.results)
    return {
        **about(run.plan, int(time())),
        **head(run.plan, request_id),
        "data": (image(result, asked) for result in run.ordered if is_shown(result)),
        **ended,
        "usage": TOKENS | ended["usage"],
        "left_out": left_out,
        "warnings": [
            *asked.warnings,
            *ended["warnings"],
            *([left_out_in_words(left_out)] if left_out else []),
        ],
    }


def about(plan: Plan, created: int, key: str = "created") -> dict[str, Any]:
    """What all images of a request have in common, and when they were made."""
    size = plan.family.sized(plan.card, plan.lanes[0]).sizes[0]
    return {
        key: created,
        "background": BACKGROUND,
        "output_format": IMAGE,
        "size": in_words(size),
    }


def image(result: Result, asked: ImagePlan) -> dict[str, Any]:
    """Return an image, the schema being ``ImageRecord``."""
    said = record(result, asked.plan)
    revised = {} if asked.revised_prompt is None else {"revised_prompt": asked.revised_prompt}
    return {"b64_json": said.pop("data"), **revised, **said}


def is_shown(result: Result) -> bool:
    """Whether there is an image to be had of a sample."""
    return not result.withheld and bool(np.isfinite(result.sample.data).all())


def left_out_of(results: Iterable[Result]) -> dict[str, int]:
    """How many samples have no image, by what became of them."""
    return dict(Counter(_fate(result) for result in results if not is_shown(result)))


def left_out_in_words(left_out: dict[str, int]) -> str:
    """The same in a sentence."""
    counts = ", ".join(f"{count} {fate}" for fate, count in left_out.items())
    return f"samples without an image: {counts}"


def _fate(result: Result) -> str:
    decision = result.decision
    return decision.action_taken if decision is not None and decision.withheld else "diverged"
