"""From the arguments of a method to the body of its request."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import PIL.Image
from typing_extensions import Unpack

from ._encode import Given, encode_array, encode_arrays
from ._exceptions import InvalidArgument
from ._moment import at_body
from ._names import check_known
from ._operations import Operation, OperationLike
from ._options import EditOptions, GenerateOptions, InvertOptions
from ._plain import plain, several

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
    seed = _seed(options.get("seed"))
    return _body("generate", GenerateOptions, options, model=model, n=n, seed=seed)


def edit_body(
    handle: str,
    operations: OperationLike | Sequence[OperationLike] = (),
    **options: Unpack[EditOptions],
) -> dict[str, Any]:
    """Return the JSON body of an edit of a handle; see `Client.edit`."""
    several = [operations] if isinstance(operations, Operation | Mapping) else operations
    if isinstance(several, str) or not isinstance(several, Iterable):
        raise InvalidArgument("edit: operations are such as Resample(), one or a list of them")
    bodies = [one.body() if isinstance(one, Operation) else one for one in several]
    return _body(
        "edit",
        EditOptions,
        options,
        handle=handle,
        at=at_body(options.get("at", "commit")),
        operations=bodies,
        seed=_seed(options.get("seed")),
    )


def invert_body(
    samples: Iterable[Given], model: str | None = None, **options: Unpack[InvertOptions]
) -> dict[str, Any]:
    """Return the JSON body of a request to score given samples; see `Client.invert`."""
    if isinstance(samples, str | PIL.Image.Image) or not _is_iterable(samples):
        raise InvalidArgument("invert: samples is a list; give [sample] for a single one")
    encoded = [one if isinstance(one, str) else encode_array(one) for one in samples]
    return _body("invert", InvertOptions, options, model=model, samples=encoded)


def _is_iterable(samples: object) -> bool:
    """Return whether there are samples in it; arrays of no dimension only look as if."""
    return isinstance(samples, Iterable) and getattr(samples, "ndim", 1) != 0


def placed(**said: Any) -> dict[str, Any]:
    """Return options where the body of a request has them; without those that say nothing.

    Raises:
        InvalidArgument: A value is nothing that JSON has.
    """
    body: dict[str, Any] = {}
    for name, given in said.items():
        value = plain(given, name)
        if value is None or value is False:
            continue
        *parts, last = PLACES.get(name, name).split(".")
        part = body
        for each in parts:
            part = part.setdefault(each, {})
        part[last] = _merged(part.get(last), value)
    return body


def _merged(known: Any, more: Any) -> Any:
    """Return two values of a member as one: of objects, the members of both, however deep."""
    if not (isinstance(known, dict) and isinstance(more, dict)):
        return more
    return {**known, **{name: _merged(known.get(name), value) for name, value in more.items()}}


def _body(call: str, kind: Any, options: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return the body of a request, of typed options and what else is said."""
    known = kind.__annotations__.keys()
    check_known(call, sorted(options.keys() - known), (*known, *more))
    said = {**options, **more}
    said["also"] = None if said.get("also") is None else several(said["also"], "also") or None
    for name in ("condition", "negative"):
        said[name] = _arrays(name, said.get(name))
    said["filter"] = said.get("filter") or None
    said["rewind"] = _rewind(said.get("rewind"))
    return placed(**said)


def _arrays(name: str, given: Any) -> dict[str, str] | None:
    if not isinstance(given, Mapping | None):
        raise InvalidArgument(f"{name}: named arrays are a mapping, such as {{'x': array}}")
    return encode_arrays(given or {}) or None


def _seed(seed: int | None) -> int:
    """Return the seed of a request, drawn if there is none.

    The client draws it, not the server, so that a retried request is the same request and gets the
    same samples.
    """
    return secrets.randbits(SEED_BITS) if seed is None else seed


def _rewind(rewind: Any) -> dict[str, Any] | None:
    said = plain(rewind, "rewind")
    if said is None or said is False:
        return None
    if said is True:
        return {}
    return {**said} if isinstance(said, dict) else {"keep": said}
