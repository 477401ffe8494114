"""What a reviewer says of samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ._exceptions import InvalidArgument
from ._handle import Handle
from ._review import Proposed
from ._sample import HandleLink, Sample
from ._wire import Wire

Verdict = Literal["good", "bad"] | float | None
"""``good``, ``bad``, or a number that is larger the worse the sample is; ``None`` takes back what
was said before."""

Judged = str | Proposed | Sample | Handle | HandleLink | Mapping[str, Any]
"""What a verdict is about: a sample that a review proposed, a handle or the sample that has it, or
an object that names it as ``POST /v1/verdicts`` does: ``{"response": id, "index": i}`` or
``{"recipe": request, "index": i}``."""


class Withdrawn(Wire):
    """A certificate that verdicts contradict."""

    model: str
    """Name of the model."""

    reason: str
    """Why the certificate does not hold."""


class VerdictsKept(Wire):
    """What the server did with verdicts."""

    kept: int
    """How many it keeps now."""

    taken_back: int
    """How many it has taken back."""

    reviewer: str
    """Whose they are: the name of the key; empty on a server without keys."""

    samples: tuple[str, ...]
    """What tells each sample from others, in the order in which they were given."""

    withdrawn: tuple[Withdrawn, ...]
    """Certificates that do not hold any more."""


def entry_of(judged: Judged, verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as a request has it; raise `InvalidArgument` if nothing names the sample."""
    return {**_named(judged), "verdict": verdict}


def _named(judged: Judged) -> dict[str, Any]:
    if isinstance(judged, Mapping):
        return dict(judged)
    if isinstance(judged, Proposed):
        return {"draw": judged.draw}
    if isinstance(judged, str):
        return {"draw" if judged.startswith("drw_") else "handle": judged}
    if isinstance(judged, Handle | HandleLink):
        return {"handle": judged.id}
    if judged.handle is None:
        raise InvalidArgument(
            "the sample has no handle: ask for it with rewind={}, or name the sample by "
            '{"response": result.id, "index": sample.index}'
        )
    return {"handle": judged.handle.id}
