"""Which field is meant by a name that there is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

ELSEWHERE = {
    "batch_size": "n",
    "cfg": "scale",
    "cfg_scale": "scale",
    "class_label": "label",
    "guidance_scale": "scale",
    "num_images": "n",
    "num_inference_steps": "steps",
    "num_samples": "n",
    "num_steps": "steps",
    "prompt": "condition",
    "sampler_name": "method",
    "scheduler": "method",
    "solver": "method",
}
"""Words of other servers, and ours for the same."""

LIKENESS = 0.7
"""Share of its letters that a name must have in common with another to be taken for it."""

DEPTH = 3
"""Of the fields that are looked at."""


def nearest(name: str, reader: TypeAdapter[Any]) -> str | None:
    """Return the path of the field that a name may stand for, in what a reader reads."""
    known = _fields(reader)
    meant = ELSEWHERE.get(name.lower(), name)
    if meant not in known:
        close = get_close_matches(meant.lower(), known, 1, LIKENESS)
        meant = close[0] if close else ""
    return known.get(meant)


@lru_cache(64)
def _fields(reader: TypeAdapter[Any]) -> dict[str, str]:
    """The paths of all fields by their last names, the shallowest of a name."""
    schema = reader.json_schema()
    found: dict[str, str] = {}
    for path in sorted(_paths(schema, schema, ""), key=lambda path: path.count(".")):
        found.setdefault(path.rpartition(".")[2], path)
    return found


def _paths(schema: Mapping[str, Any], whole: Mapping[str, Any], above: str) -> Iterator[str]:
    if above.count(".") >= DEPTH:
        return
    if reference := schema.get("$ref"):
        yield from _paths(whole["$defs"][reference.rpartition("/")[2]], whole, above)
    for choice in schema.get("anyOf", ()):
        yield from _paths(choice, whole, above)
    for name, inner in schema.get("properties", {}).items():
        yield above + name
        yield from _paths(inner, whole, f"{above}{name}.")
