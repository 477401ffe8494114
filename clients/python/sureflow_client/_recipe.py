"""What makes a sample again: the requests, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ._exceptions import InvalidArgument
from ._sample import Sample

PATHS = ("/v1/generate", "/v1/edit", "/v1/invert")


@dataclass(frozen=True)
class Call:
    """One of the requests.

    Attributes:
        path: Where it goes.
        request: Its JSON body; that of an edit is of the sample before.
        pick: Index of the sample that counts among those that come of it.
    """

    path: str
    request: Mapping[str, Any]
    pick: int


@dataclass(frozen=True)
class Recipe:
    """What makes a sample again, and what it was like.

    Attributes:
        calls: The requests, in their order; none where only the handle is known.
        handle: Its handle, if it had one.
        media_type: How its file was encoded, where `digest` is known.
        digest: SHA-256 of its file.
        uncertainty: Its score.
    """

    calls: tuple[Call, ...] = ()
    handle: str | None = None
    media_type: str | None = None
    digest: str | None = None
    uncertainty: float | None = None

    @classmethod
    def read(cls, document: Any) -> Recipe:
        """Read a recipe of the studio, a line of ``samples.jsonl``, or a handle as JSON.

        Raises:
            InvalidArgument: It is none of these.
        """
        if not isinstance(document, Mapping):
            raise InvalidArgument("a recipe is a JSON object")
        sample = document.get("sample")
        sample = sample if isinstance(sample, Mapping) else document
        recipe = cls(
            tuple(map(_call, document.get("calls") or ())),
            _handle(document.get("id")) or _handle(sample.get("handle")),
            sample.get("media_type"),
            sample.get("sha256"),
            sample.get("uncertainty"),
        )
        if not recipe.calls and recipe.handle is None:
            raise InvalidArgument(
                "this has neither calls nor a handle; the studio, generate --out and GET "
                "/v1/handles/ID make recipes"
            )
        return recipe


def digest_of(sample: Sample) -> str:
    """Return the SHA-256 of a sample's file."""
    return sha256(sample.file()[1]).hexdigest()


def made_alone(request: Mapping[str, Any], sample: Sample) -> dict[str, Any]:
    """Return the call that makes one sample of a generate request; its filter changes nothing."""
    kept = {name: value for name, value in request.items() if name not in ("filter", "deadline_s")}
    alone = {**kept, "seed": sample.seed, "first": sample.index, "n": 1}
    return {"path": PATHS[0], "request": alone, "pick": sample.index}


def _call(document: Any) -> Call:
    fits = isinstance(document, Mapping) and isinstance(document.get("request"), Mapping)
    if not fits or document.get("path") not in PATHS or not isinstance(document.get("pick"), int):
        raise InvalidArgument(f"a call has path (of {', '.join(PATHS)}), request and pick")
    return Call(document["path"], document["request"], document["pick"])


def _handle(named: Any) -> str | None:
    if isinstance(named, Mapping):
        named = named.get("id")
    return named if isinstance(named, str) and named.startswith("hdl_") else None


def picked(samples: Sequence[Sample], pick: int) -> Sample:
    """Return the sample of an index; raise `InvalidArgument` where there is none."""
    for sample in samples:
        if sample.index == pick:
            return sample
    raise InvalidArgument(f"no sample of index {pick} came of the call")
