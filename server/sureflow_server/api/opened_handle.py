"""A handle that its owner has opened, to look through its trajectory or to take it up again."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from fastapi import Request

from sureflow.core.card import ModelCard
from sureflow.core.frame import Frame
from sureflow.core.lane import Array, LaneSpec
from sureflow.recipe import parse
from sureflow_server.api.access import caller
from sureflow_server.api.handle_options import FINGERPRINT, REQUEST
from sureflow_server.api.problems import Problem
from sureflow_server.engine.errors import NotReadyError
from sureflow_server.service import Service
from sureflow_server.store import DamagedHandleError, Handle, Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class OpenedHandle:
    """A handle, read.

    Attributes:
        handle: As it is kept.
        spec: The lane that made the trajectory.
        facts: Record of its sample, without arrays.
        t: Start times of its steps, ``[n]``.
        rate: Uncertainty rate there, likewise; NaN where it was not finite.
        fingerprint: Of the kernels that made it; empty if nobody knows.
        made_by: Id of the request that made it; empty if nobody wrote it down.
        commits: Its commit points, as :func:`~sureflow.core.commit.commit_points` orders them.
    """

    handle: Handle
    spec: LaneSpec
    facts: dict[str, Any]
    t: Array
    rate: Array
    commits: list[dict[str, Any]]
    fingerprint: str = ""
    made_by: str = ""

    @property
    def steps(self) -> int:
        """Number of steps of the trajectory."""
        return len(self.t)

    async def frame(self, store: Store, step: int) -> Frame | None:
        """Return the last key frame at this step or before, if any is kept that can be read."""
        found = await store.frame(self.handle.id, step)
        if found is None:
            return None
        try:
            return Frame.parse(found[1])
        except ValueError as error:
            log.warning("frame %d of %s will be made again: %s", found[0], self.handle.id, error)
            return None


async def open_handle(request: Request, id: str) -> OpenedHandle:
    """Fetch one of the caller's own handles.

    Raises:
        StoreError: There is none, it has expired, or the store cannot be reached. Somebody else's
            handle is none.
    """
    handle = await Service.of(request).store.get(id, caller(request))
    try:
        note = json.loads(handle.note)
        rate = [np.nan if value is None else value for value in note["rate"]]
        return OpenedHandle(
            handle,
            parse(handle.recipe),
            note["facts"],
            np.array(note["t"], np.float32),
            np.array(rate, np.float32),
            note["commits"],
            str(note.get(FINGERPRINT, "")),
            str(note.get(REQUEST) or ""),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedHandleError(id) from error


def card_of_handle(opened: OpenedHandle, service: Service) -> ModelCard:
    """Return the model of a handle, in the version that it was made with.

    Raises:
        Problem: That version is not loaded.
        NotReadyError: No model is, yet.
    """
    handle = opened.handle
    if not service.pool.cards:
        raise NotReadyError("the models are still being loaded", 2)
    card = service.pool.cards.get(handle.model)
    if card is None or card.version != handle.model_version:
        now = "it is not loaded" if card is None else f"{card.version} is loaded"
        message = f"it was made by {handle.model} {handle.model_version}; {now}"
        raise Problem.field("handle", message, "version-gone")
    return card


def inexact(opened: OpenedHandle, card: ModelCard) -> str | None:
    """Why a trajectory goes on here nearly as it was, not exactly; ``None`` if it does exactly."""
    here = card.numerics.get(FINGERPRINT, "")
    if opened.fingerprint and opened.fingerprint == here:
        return None
    made = "on other kernels" if opened.fingerprint else "before kernels were told apart"
    return f"the trajectory was made {made}; what is made of it here may differ in the last digits"
