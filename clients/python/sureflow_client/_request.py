"""From the arguments of a method to the body of its request."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from typing_extensions import Unpack

from ._encode import Given, encode_array, encode_arrays
from ._moment import at_body
from ._operations import Operation, OperationLike
from ._options import EditOptions, GenerateOptions, InvertOptions

SEED_BITS = 53
"""Every such integer survives JSON readers that hold numbers as doubles."""

PLACES = {
    "label": "condition.label",
    "guidance": "guidance.scale",
    "negative": "guidance.negative",
    "method": "sampler.method",
    "steps": "sampler.steps",
    "tolerance": "sampler.tolerance",
    "min_steps": "sampler.min_steps",
    "max_steps": "sampler.max_steps",
    "grid": "sampler.grid",
    "size": "sampler.size",
    "parallel": "sampler.parallel.window",
    "parallel_tolerance": "sampler.parallel.tolerance",
    "score": "confidence.method",
    "also": "confidence.also",
    "profile": "confidence.profile",
    "map": "confidence.map",
    "output": "output.format",
}
"""Where the body has an option that is not a member of its own name."""


def generate_body(
    model: str | None = None, n: int | None = None, **options: Unpack[GenerateOptions]
) -> dict[str, Any]:
    """Return the JSON body of a generate request; the arguments are those of `Client.generate`."""
    return _body(GenerateOptions, options, model=model, n=n, seed=_seed(options.get("seed")))


def edit_body(
    handle: str,
    operations: OperationLike | Sequence[OperationLike] = (),
    **options: Unpack[EditOptions],
) -> dict[str, Any]:
    """Return the JSON body of an edit of a handle; see `Client.edit`."""
    several = [operations] if isinstance(operations, Operation | Mapping) else operations
    bodies = [one.body() if isinstance(one, Operation) else one for one in several]
    return _body(
        EditOptions,
        options,
        handle=handle,
        at=at_body(options.get("at", "commit")),
        operations=[_plain(body) for body in bodies],
        seed=_seed(options.get("seed")),
    )


def invert_body(
    samples: Iterable[Given], model: str | None = None, **options: Unpack[InvertOptions]
) -> dict[str, Any]:
    """Return the JSON body of a request to score given samples; see `Client.invert`."""
    encoded = [encode_array(sample) for sample in samples]
    return _body(InvertOptions, options, model=model, samples=encoded)


def placed(**said: Any) -> dict[str, Any]:
    """Return options where the body of a request has them; without those that say nothing."""
    body: dict[str, Any] = {}
    for name, value in said.items():
        if value is None or value is False:
            continue
        *parts, last = PLACES.get(name, name).split(".")
        part = body
        for each in parts:
            part = part.setdefault(each, {})
        value = _plain(value)
        part[last] = {**part.get(last, {}), **value} if isinstance(value, dict) else value
    return body


def _body(kind: Any, options: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return the body of a request, of typed options and what else is said."""
    if unknown := options.keys() - kind.__annotations__.keys():
        raise TypeError(f"unknown options: {', '.join(sorted(unknown))}")
    said = {**options, **more}
    said["also"] = [*(said.get("also") or ())] or None
    for name in ("condition", "negative"):
        said[name] = encode_arrays(said.get(name) or {}) or None
    said["filter"] = said.get("filter") or None
    said["rewind"] = _rewind(said.get("rewind"))
    return placed(**said)


def _seed(seed: int | None) -> int:
    """Return the seed of a request, drawn if there is none.

    The client draws it, not the server, so that a retried request is the same request and gets the
    same samples.
    """
    return secrets.randbits(SEED_BITS) if seed is None else seed


def _rewind(rewind: Any) -> dict[str, Any] | None:
    if rewind is None or rewind is False:
        return None
    said = {} if rewind is True else {"keep": rewind} if isinstance(rewind, str) else {**rewind}
    if not isinstance(said.get("keep", ""), str):
        said["keep"] = [float(t) for t in said["keep"]]
    return said


def _plain(value: Any) -> Any:
    """Return numpy's numbers as Python's; of a mapping, the members that say something."""
    if isinstance(value, Mapping):
        return {name: _plain(member) for name, member in value.items() if member is not None}
    return value.item() if isinstance(value, np.generic) else value
