"""``/v1/handles``: trajectories that can be looked through and taken up again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from sureflow.core.card import ModelCard
from sureflow.core.codec import Codec
from sureflow.core.commit import step_at
from sureflow.core.family import family_of
from sureflow.core.lane import Branch, LaneSpec, Sample
from sureflow.core.lane import View as Seen
from sureflow_server.api.access import Guarded, caller, owner
from sureflow_server.api.asked import told
from sureflow_server.api.disconnect import unless_disconnected
from sureflow_server.api.encoded import claim_of, encoded
from sureflow_server.api.encoding import array_bytes, map_of, profile_of
from sureflow_server.api.handle_options import ASKED, REQUEST, moment, sample_of
from sureflow_server.api.handle_record import FramesRecord, HandleList, HandleRecord
from sureflow_server.api.opened_handle import OpenedHandle, card_of_handle, inexact, open_handle
from sureflow_server.api.original import sample_record, time_of
from sureflow_server.api.plan import FACTS_BYTES
from sureflow_server.api.problems import problems
from sureflow_server.api.requests import Form, OutputOptions
from sureflow_server.api.resolve import form_of
from sureflow_server.engine.messages import Finished
from sureflow_server.service import Service
from sureflow_server.store import Entry, Handle

KIND = "frames"
MAX_VIEWS = 1001
PAGE = 100
SUMMARY_BYTES = 4096
"""Of what is read to list a handle, about."""

VIEW_BYTES = 256
"""Of a view without its arrays, about."""

MOST = 2**53

router = APIRouter(tags=["rewind"], route_class=Guarded)

FormatQuery = Annotated[
    Form | None, Query(alias="format", description="As `output.format` of `POST /v1/generate`.")
]
_refusals = problems(401, 403, 404, 409, 410, 422, 429, 500, 503, 507)


@router.get(
    "/v1/handles", response_model=HandleList, responses=problems(401, 403, 422, 429, 503, 507)
)
async def listing(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=1000)] = PAGE,
    before: Annotated[
        int | None, Query(ge=0, le=MOST, description="`next` of the page before.")
    ] = None,
) -> Response:
    """List one's own handles, newest first."""
    page = await Service.of(request).store.owned(caller(request), limit, before)

    def document() -> dict[str, Any]:
        handles = (_summary(entry, json.loads(entry.note)) for entry in page.entries)
        return {"handles": handles, "next": page.next}

    nbytes = SUMMARY_BYTES * len(page.entries)
    claim_of(request).take(nbytes)
    return await encoded(request, document, nbytes)


@router.get("/v1/handles/{id}", response_model=HandleRecord, responses=_refusals)
async def show(request: Request, id: str, form: FormatQuery = None) -> Response:
    """Show a handle: the sample, its uncertainty over time, what is kept of its trajectory."""
    service = Service.of(request)
    opened = await open_handle(request, id)
    card = card_of_handle(opened, service)
    frames = await service.store.frames(id)
    shape = _form(form, card)

    def document() -> dict[str, Any]:
        note = json.loads(opened.handle.note)
        return {
            **_summary(opened.handle, note),
            "asked": told(note.get(ASKED), opened.spec, family_of(card).codec),
            "steps": opened.steps,
            "commits": opened.commits,
            "profile": profile_of(opened.t, opened.rate),
            "frames": [
                {"step": step, "t": time_of(opened, step), "bytes": size} for step, size in frames
            ],
            "sample": sample_record(opened, card, frames, shape),
        }

    nbytes = FACTS_BYTES + array_bytes(opened.handle.nbytes // 4, "list")
    claim_of(request).take(nbytes)
    return await encoded(request, document, nbytes)


@router.delete("/v1/handles/{id}", status_code=204, responses=_refusals)
async def delete(request: Request, id: str) -> Response:
    """Forget a trajectory before its time, damaged or not."""
    await Service.of(request).store.delete(id, caller(request))
    return Response(status_code=204)


@router.get(
    "/v1/handles/{id}/frames", response_model=FramesRecord, responses={**_refusals, **problems(414)}
)
async def frames(
    request: Request,
    id: str,
    t: Annotated[
        list[Annotated[float, Query(ge=0, le=1)]] | None,
        Query(
            description="Times to look at, each at the last step that begins there or before; 1 is "
            "the finished sample. By default all steps.",
            max_length=MAX_VIEWS,
        ),
    ] = None,
    show: Annotated[
        list[Literal["state", "prediction", "map"]], Query(description="What to show of each.")
    ] = ["state", "prediction"],  # noqa: B006 - FastAPI copies it
    form: FormatQuery = None,
) -> Response:
    """Look at a trajectory at chosen times.

    Made again from the nearest key frame, which costs an evaluation per step; the bytes are those
    of the trajectory.
    """
    service = Service.of(request)
    opened = await open_handle(request, id)
    card = card_of_handle(opened, service)
    shape, family = _form(form, card), family_of(card)
    codec, sized = family.codec.of(card), family.sized(card, opened.spec)
    steps, ended = _steps(opened, t)
    nbytes = (len(steps) + ended) * _view_bytes(sized, shape, show)
    claim_of(request).take(nbytes)
    seen: tuple[Seen, ...] = ()
    evaluations = 0
    if steps:
        sample = await unless_disconnected(request, _look(request, opened, card, steps))
        seen, evaluations = sample.views, sample.evaluations

    def views() -> Iterator[dict[str, Any]]:
        yield from (_view(view, codec, shape, show) for view in seen)
        if ended:
            yield _end(opened, codec, shape, show, sized.state_shape)

    def document() -> dict[str, Any]:
        return {
            "handle": id,
            "media_type": codec.media_types[shape],
            "shape": list(sized.shape),
            "views": views(),
            "evaluations": evaluations,
            **({} if inexact(opened, card) is None else {"replay": "approximate"}),
        }

    return await encoded(request, document, nbytes)


def _view_bytes(card: ModelCard, form: str, show: Sequence[str]) -> int:
    """Bytes of a view, about."""
    decoded, state = prod(card.shape), prod(card.state_shape)
    numbers = sum(state if name == "map" else decoded for name in {*show})
    return VIEW_BYTES + array_bytes(numbers, form)


def _summary(handle: Handle | Entry, note: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": handle.id,
        "model": handle.model,
        "model_version": handle.model_version,
        "created_at": moment(handle.created),
        "expires_at": moment(handle.expires),
        "parent": note["facts"]["parent"],
        "request": note.get(REQUEST),
        "bytes": handle.nbytes,
    }


async def _look(
    request: Request, opened: OpenedHandle, card: ModelCard, steps: list[int]
) -> Sample:
    """Run the lane of a trajectory once more, past these steps."""
    service = Service.of(request)
    frame = await opened.frame(service.store, steps[0])
    spec: LaneSpec = opened.spec
    if frame is not None and frame.step > 0:
        spec = replace(spec, origin=Branch(opened.spec, frame.step, (), frame))
    spec = replace(spec, early=None, watch=tuple(steps), halt=steps[-1])
    async with service.accounts.claim(request.state.key, 1) as account:
        job = service.pool.submit(card, (spec,), owner=owner(request), account=account)
    with service.metrics.request(card.name, KIND):
        async with job:
            samples = [event.sample async for event in job if isinstance(event, Finished)]
    return samples[0]


def _steps(opened: OpenedHandle, times: list[float] | None) -> tuple[list[int], bool]:
    """Steps to look at, ascending, and whether the finished sample is among them."""
    if times is None:
        return [*range(opened.steps)], True
    return sorted({step_at(opened.t, t) for t in times if t < 1}), 1 in times


def _view(view: Seen, codec: Codec, form: str, show: Sequence[str]) -> dict[str, Any]:
    shown = {"state": view.state, "prediction": view.prediction}
    return {
        "step": view.step,
        "t": view.t,
        "rate": view.rate,
        "uncertainty": view.uncertainty,
        **{name: codec.encode(array, form) for name, array in shown.items() if name in show},
        **({"map": map_of(view.map, form)} if "map" in show else {}),
    }


def _end(
    opened: OpenedHandle, codec: Codec, form: str, show: Sequence[str], state_shape: tuple[int, ...]
) -> dict[str, Any]:
    """The finished sample as the last view: nothing is open any more, whatever map it has."""
    arrays = sample_of(opened.handle)
    data, map = arrays["data"], arrays["map"]
    closed = np.zeros(state_shape, np.float32)
    end = Seen(opened.steps, 1.0, data, data, 0.0, closed, float(map.sum(dtype=float)))
    return {**_view(end, codec, form, show), "rate": None}


def _form(form: str | None, card: ModelCard) -> str:
    return form_of(OutputOptions(format=form), card, "format")
