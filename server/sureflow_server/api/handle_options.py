"""From a finished sample to a handle in the store, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from time import time
from typing import Any, Literal

from safetensors.numpy import load, save

from sureflow.core.commit import commit_points
from sureflow.core.lane import LATENT, Array, Sample
from sureflow.recipe import dump
from sureflow_server.api.encoding import profile_of
from sureflow_server.api.problems import Problem
from sureflow_server.api.rewind_options import RewindOptions
from sureflow_server.filters.rewinding import ENDED
from sureflow_server.settings import Settings
from sureflow_server.store import DamagedHandleError, Handle, Store, new_id

FINGERPRINT = "fingerprint"
"""In the note of a handle: that of the kernels that made its sample."""

REQUEST, ASKED = "request", "asked"
"""In the note of a handle: the id of the request that made it, and what that said."""


@dataclass(frozen=True, slots=True)
class HandleOptions:
    """What is kept of the trajectories of a request, and for how long.

    Attributes:
        keep: Key frames; see :class:`~sureflow.core.lane.LaneSpec`.
        ttl_s: Seconds for which their handles live.
    """

    keep: tuple[float, ...] | Literal["commit", "all"]
    ttl_s: float


def handle_link(id: str, expires: float, nbytes: int, times: Iterable[float]) -> dict[str, Any]:
    """Return a handle as the record of its sample has it, the schema being ``HandleLink``."""
    return {"id": id, "expires_at": moment(expires), "bytes": nbytes, "frames": list(times)}


def handle_options(rewind: RewindOptions | None, settings: Settings) -> HandleOptions | None:
    """Return what a request wants kept; ``None`` if it asks for no handles.

    Raises:
        Problem: It asks for a longer lifetime than the server allows.
    """
    if rewind is None:
        return None
    most = settings.handle_max_ttl_s
    if rewind.ttl_s is not None and rewind.ttl_s > most:
        raise Problem.field("rewind.ttl_s", f"at most {most:g}")
    return HandleOptions(rewind.keep, rewind.ttl_s or settings.handle_ttl_s)


async def keep(
    store: Store,
    sample: Sample,
    facts: dict[str, Any],
    model: tuple[str, str, str],
    owner: str,
    request: dict[str, Any],
    options: HandleOptions,
) -> dict[str, Any] | None:
    """Give a sample a handle; ``None`` if it cannot be made again as it was.

    That is so of one that was given up, and of one that hurried to its deadline.

    Args:
        store: Where it goes.
        sample: The sample, with its frames.
        facts: Its record without arrays.
        model: Name, version, and the fingerprint of the kernels that made the sample.
        owner: Id of the key that made it.
        request: What the note says of the request that made it.
        options: How long it lives.

    Raises:
        StoreError: It could not be kept.
    """
    if sample.finish_reason not in ENDED:
        return None
    now = time()
    name, version, fingerprint = model
    note = {
        "facts": facts,
        **request,
        **profile_of(sample.t, sample.rate),
        "commits": [asdict(point) for point in commit_points(sample.t, sample.rate)],
        FINGERPRINT: fingerprint,
    }
    handle = Handle(
        id=new_id(),
        owner=owner,
        model=name,
        model_version=version,
        created=now,
        expires=now + options.ttl_s,
        note=json.dumps(note).encode(),
        recipe=dump(sample.spec),
        sample=save(_arrays(sample)),
    )
    frames = {frame.step: frame.dump() for frame in sample.frames}
    kept = await store.put(handle, frames)
    size = kept.nbytes + sum(map(len, frames.values()))
    return handle_link(kept.id, kept.expires, size, (round(f.t, 6) for f in sample.frames))


def _arrays(sample: Sample) -> dict[str, Array]:
    arrays = {"data": sample.data, "map": sample.map}
    return arrays | ({LATENT: sample.state} if LATENT in sample.fields else {})


def sample_of(handle: Handle) -> dict[str, Array]:
    """Return ``data`` and ``map`` of the sample of a handle; a map that there is not is empty.

    ``state`` is what operations act on: the latent of a decoded sample, else its data.

    Raises:
        DamagedHandleError: They cannot be read.
    """
    try:
        arrays: dict[str, Array] = load(handle.sample)
        data = arrays["data"]
        return {"data": data, "map": arrays["map"], "state": arrays.get(LATENT, data)}
    except Exception as error:  # a header can be wrong in many ways
        raise DamagedHandleError(handle.id) from error


def moment(seconds: float) -> str:
    """Seconds since the epoch as RFC 3339 has them."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
