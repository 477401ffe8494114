"""What an option is called here that goes by other names elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from ._exceptions import InvalidArgument

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

OF_CLIENTS = {
    "api_base": "url",
    "api_token": "api_key",
    "base_url": "url",
    "endpoint": "url",
    "host": "url",
    "key": "api_key",
    "max_retries": "retry",
    "retries": "retry",
    "token": "api_key",
}
"""What clients of other packages call what ours is made with."""

SPELLED = {"condition": 'condition={"prompt": ...}', "size": "size=[height, width]"}
"""How those are given that take more than a number or a name."""

IN_EDITS = {
    "n": "branches",
    "label": "the operation Condition(label=...)",
    "guidance": "the operation Condition(scale=...)",
    "condition": "the operation Condition(arrays=...)",
}
"""What does in an edit what these do elsewhere."""

LIKENESS = 0.6
"""Share of its letters that a name must have in common with another to be taken for it."""


def unknown(name: str, known: Iterable[str]) -> str:
    """Return what is to be said of an option that there is not: the nearest, or all there are."""
    names = sorted({*known})
    elsewhere = ELSEWHERE.get(name.lower(), name)
    if "branches" in names and elsewhere in IN_EDITS:
        return f"there is no option {name}; did you mean {IN_EDITS[elsewhere]}?"
    nearest = nearest_of(name, names)
    if nearest is not None:
        meant = SPELLED[nearest] if ELSEWHERE.get(name) in SPELLED else nearest
        return f"there is no option {name}; did you mean {meant}?"
    return f"there is no option {name}, but {', '.join(names)}"


def check_known(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise `InvalidArgument` for an argument that something does not have."""
    for name in given:
        raise InvalidArgument(f"{what}: {unknown(name, known)}")


def nearest_of(name: str, known: Iterable[str]) -> str | None:
    """Return which of the known names is meant by another one, if that can be told."""
    names = [*known]
    meant = {**ELSEWHERE, **OF_CLIENTS}.get(name.lower())
    if meant in names:
        return meant
    close = get_close_matches(name.lower(), names, 1, LIKENESS)
    return close[0] if close else None
