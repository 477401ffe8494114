"""Trajectories that the server keeps."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ._exceptions import InvalidArgument, MissingData
from ._html import sample_html
from ._profile import Commit, Profile
from ._sample import HandleLink, Sample
from ._wire import Wire


class Frame(Wire):
    """A key frame that is kept."""

    step: int
    """The step that begins there."""

    t: float | None
    """Its time; ``None`` for that of the finished sample."""

    bytes: int
    """What it takes in the server's store."""


class HandleSummary(Wire):
    """A handle in a list."""

    id: str
    """Name of the handle."""

    model: str
    """Name of the model that made the trajectory."""

    model_version: str
    """Its checksum; only this version can take the trajectory up again."""

    created_at: datetime
    """When it was made."""

    expires_at: datetime
    """When the server forgets it."""

    parent: str | None
    """The handle that it branched off from; ``None`` if it did not."""

    request: str | None = None
    """The request that made it, ``Result.id``; ``None`` if the server does not know."""

    bytes: int
    """What it takes in the server's store, without key frames."""


class Asked(Wire):
    """A request to the server."""

    path: str
    """``/v1/generate``, ``/v1/edit`` or ``/v1/invert``; it may have come by another that asks for
    the same, such as ``/v1/images/generations``."""

    request: dict[str, Any]
    """Its body, with the model and the seed that it came to. Of several samples that were given it
    has this one alone."""


class Handle(HandleSummary):
    """A trajectory that can be looked through and taken up again."""

    asked: Asked | None = None
    """The request that made it, ``sample.index`` being its place there; ``None`` if it was long."""

    steps: int
    """How many the trajectory has."""

    commits: tuple[Commit, ...]
    """The moments at which the sample decided something: its commit point, by which three quarters
    of its variance were resolved, then those at which what was open fell fastest."""

    profile: Profile
    """Uncertainty over time."""

    frames: tuple[Frame, ...]
    """Key frames that are kept at present; all others can be made again."""

    sample: Sample
    """What the trajectory came to."""

    def _repr_html_(self) -> str:
        return sample_html(self.sample, self.profile, self.commits)


class HandlePage(Wire):
    """The answer of ``GET /v1/handles``."""

    handles: tuple[HandleSummary, ...]
    next: int | None
    """Where the next page begins; ``None`` on the last one."""


HandleLike = str | HandleLink | HandleSummary | Sample
"""Whatever names a trajectory: a handle's id, the handle, or the sample that has one."""


def handle_id(named: HandleLike) -> str:
    """Return the id of a handle.

    Raises:
        MissingData: The sample has no handle.
        InvalidArgument: It is nothing that names one.
    """
    if isinstance(named, str):
        return named
    if isinstance(named, Sample):
        if named.handle is None:
            raise MissingData(f"sample {named.index} has no handle; was it asked for by rewind=?")
        return named.handle.id
    if isinstance(named, HandleLink | HandleSummary):
        return named.id
    raise InvalidArgument(f"a {type(named).__name__} names no handle; give its id, or the sample")
