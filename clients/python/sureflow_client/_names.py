"""What an option is called here that goes by other names elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

ELSEWHERE = {
    "batch_size": "n",
    "cfg": "guidance",
    "cfg_scale": "guidance",
    "class_labels": "label",
    "generator": "seed",
    "guidance_scale": "guidance",
    "height": "size",
    "num_images": "n",
    "num_images_per_prompt": "n",
    "num_inference_steps": "steps",
    "num_samples": "n",
    "num_steps": "steps",
    "output_type": "output",
    "negative_prompt": "negative",
    "prompt": "condition",
    "random_seed": "seed",
    "sampler_name": "method",
    "sampling_steps": "steps",
    "scheduler": "method",
    "solver": "method",
    "tol": "tolerance",
    "width": "size",
}
"""Words of other packages, and ours for the same."""

SPELLED = {"condition": 'condition={"prompt": ...}', "size": "size=[height, width]"}
"""How those are given that take more than a number or a name."""

LIKENESS = 0.6
"""Share of its letters that a name must have in common with another to be taken for it."""


def unknown(name: str, known: Iterable[str]) -> str:
    """Return what is to be said of an option that there is not: the nearest, or all there are."""
    names = [*known]
    nearest = nearest_of(name, names)
    if nearest is not None:
        meant = SPELLED[nearest] if ELSEWHERE.get(name) in SPELLED else nearest
        return f"there is no option {name}; did you mean {meant}?"
    return f"there is no option {name}, but {', '.join(sorted(names))}"


def nearest_of(name: str, known: Iterable[str]) -> str | None:
    """Return which of the known names is meant by another one, if that can be told."""
    names = [*known]
    meant = ELSEWHERE.get(name.lower())
    if meant in names:
        return meant
    close = get_close_matches(name.lower(), names, 1, LIKENESS)
    return close[0] if close else None
