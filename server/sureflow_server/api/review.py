"""``/v1/models/{name}/review``: what to look at next, and the certificate that follows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from time import time
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import ValidationError

from sureflow.confidence.calibration import Calibration
from sureflow.confidence.certificate import DELTA
from sureflow.confidence.certificates import EDIT
from sureflow.confidence.reviewed import THRESHOLDS
from sureflow.core.family import family_of
from sureflow.core.lane import Sample
from sureflow.core.provenance import complaint
from sureflow.core.schema import LARGEST
from sureflow_server.api.access import Guarded, caller, owner
from sureflow_server.api.calibration_in_service import replace_calibration
from sureflow_server.api.disconnect import unless_disconnected
from sureflow_server.api.edited_draws import EditedDraws
from sureflow_server.api.encoded import Encoded, claim_of, encoded
from sureflow_server.api.encoding import array_bytes
from sureflow_server.api.handle_options import moment
from sureflow_server.api.handles import FormatQuery
from sureflow_server.api.jobs import ACCEPTED, accepted
from sureflow_server.api.plan import FACTS_BYTES
from sureflow_server.api.problems import Problem, problems
from sureflow_server.api.refit import refit, refit_run
from sureflow_server.api.refit_record import RefitRequest
from sureflow_server.api.requests import OutputOptions
from sureflow_server.api.resolve import card_of, form_of
from sureflow_server.api.review_record import CertifyRequest, ReviewRecord
from sureflow_server.api.review_state import BAD_ABOVE, DRAWS, OFFER_S, ReviewState
from sureflow_server.api.review_stream import ReviewStream
from sureflow_server.engine.messages import Finished
from sureflow_server.service import Service

KIND = "review"
MOST = 64
"""Samples that are proposed at a time."""

FOCUS = 0.5
"""Confidence that most proposals have, as the first threshold of certificates."""

BATCH = 64
"""Draws that are made at a time, to find those to propose."""

BATCHES = 8
"""Of them, for one request."""

LEAST = 0.5
"""Bad rate that a certificate must be good for."""

MOST_EDIT = 2000
"""Characters of an edit in a query."""

POINTS = 11
"""Of the curve."""

router = APIRouter(prefix="/v1/models/{name}/review", tags=["review"], route_class=Guarded)

_refusals = problems(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 503)


@router.get("", response_model=ReviewRecord, responses=_refusals)
async def propose(
    request: Request,
    name: str,
    limit: Annotated[int, Query(ge=0, le=MOST, description="Samples to look at.")] = 8,
    focus: Annotated[
        float,
        Query(
            ge=0,
            le=1,
            description="Three of four samples have at least this confidence, which decides most "
            "about certificates; the others have less. 0 proposes draws as they come.",
        ),
    ] = FOCUS,
    max_bad_rate: Annotated[float, Query(gt=0, lt=1, description="What `needed` is about.")] = 0.02,
    bad_above: Annotated[
        float, Query(ge=-LARGEST, le=LARGEST, description="Verdicts above it are bad.")
    ] = BAD_ABOVE,
    scores: Annotated[
        bool, Query(description="Say how sure the model is. A reviewer who knows is not blind.")
    ] = False,
    edit: Annotated[
        str | None,
        Query(
            max_length=MOST_EDIT,
            description="Of draws that are edited like this, as JSON: the `step` at which each is "
            "left, and the `operations` of `POST /v1/edit` that are done there. Otherwise draws "
            "are made from noise alone.",
            examples=['{"step": 10, "operations": [{"type": "resample"}]}'],
        ),
    ] = None,
    form: FormatQuery = None,
) -> Response:
    """Say how far the review of a model has come, and propose samples to look at.

    They are draws of the model, from a seed that is fixed before anybody looks. Which ones are
    proposed may depend on their confidence, and what counts does not depend on how they look: from
    each confidence on, all draws in their order up to the first without a verdict. So verdicts on
    samples that reviewers choose themselves are kept, and make no certificate.
    """
    service = Service.of(request)
    card = card_of(name, service)
    stream = await service.streams.of(card, _read(edit))
    shape = form_of(OutputOptions(format=form), card, "format")
    nbytes = FACTS_BYTES + limit * (FACTS_BYTES + array_bytes(prod(card.shape), shape))
    claim_of(request).take(nbytes)
    asked = _Asked(limit, focus, caller(request))
    state, samples = await unless_disconnected(request, _chosen(request, stream, asked, bad_above))
    codec, confidence = family_of(card).codec.of(card), state.reviewed.confidence

    def proposed(index: int, sample: Sample) -> dict[str, Any]:
        told = {"confidence": confidence[index], "uncertainty": state.uncertainty[index]}
        return {
            "draw": stream.draw(index).id,
            "label": stream.label(index),
            "media_type": codec.media_types[shape],
            "shape": sample.data.shape,
            "data": codec.encode(sample.data, shape),
            **({name: float(value) for name, value in told.items()} if scores else {}),
        }

    document = await asyncio.to_thread(_record, service, state, max_bad_rate)
    document["samples"] = [proposed(index, sample) for index, sample in samples.items()]
    return await encoded(request, lambda: document, nbytes)


@router.post("", response_model=ReviewRecord, responses=_refusals)
async def certify(request: Request, name: str, body: CertifyRequest) -> Response:
    """Make a certificate of the verdicts, and have `filter.max_bad_rate` go by it from now on.

    Answers name another `calibration_version` then; samples and their confidence are as before.
    """
    service = Service.of(request)
    stream = await service.streams.of(card_of(name, service), body.edit)
    state = await ReviewState.read(service.verdict_store, stream, body.bad_above)
    note = stream.note() | {
        "bad_above": body.bad_above,
        "reviewers": state.reviewers,
        "at": moment(round(time(), 3)),
    }
    certificate = await asyncio.to_thread(state.reviewed.certificate, note)
    _check_better(service, state, float(certificate.bound[0]), body.replace)

    def certified(present: Calibration) -> Calibration:
        return stream.certified(present, certificate)

    done = await replace_calibration(service.pool, service.verdict_store, name, certified)
    stream = await service.streams.of(done.card, body.edit)
    state = await ReviewState.read(service.verdict_store, stream, body.bad_above)
    document = await asyncio.to_thread(_record, service, state, float(certificate.bound[0]))
    document["warnings"] = [done.warning] if done.warning else []
    return Encoded((ReviewRecord(**document, samples=[]).model_dump_json().encode(),))


def _read(edit: str | None) -> EditedDraws | None:
    """The edit that a query names.

    Raises:
        Problem: It is none.
    """
    if edit is None:
        return None
    try:
        return EditedDraws.model_validate_json(edit)
    except ValidationError as error:
        raise Problem.field(EDIT, complaint(error)) from None


@router.post(
    "/refit",
    status_code=202,
    responses={**ACCEPTED, **problems(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503)},
    response_class=Response,
)
async def refit_probe(request: Request, name: str, body: RefitRequest) -> Response:
    """Fit a probe to the verdicts, and write a version of the model that is judged by it.

    A job at the lowest priority: the judged samples are made again while no other request wants any
    rows, and a process of its own fits the probe and measures its confidence. Nothing changes about
    the model: the version is a folder beside it, of a name of its own and without certificates,
    until `POST /v1/models/{name}/load` takes that into service. The result says how well it does on
    samples that were left out of the fit, beside the score in use.
    """
    return await accepted(request, await refit_run(Service.of(request), name, body), refit)


def _check_better(service: Service, state: ReviewState, smallest: float, replaced: bool) -> None:
    """Refuse a certificate of nothing, and one that promises less than that in service.

    Raises:
        Problem: It is such a one; says how many more verdicts it takes.
    """
    present, judged = state.certificate, state.reviewed.judged
    best = 1.0 if present is None else float(present.bound[0])
    if smallest > LEAST:
        message = f"nothing follows from {judged} verdicts"
    elif replaced or present is None or present.version in service.withdrawn or smallest <= best:
        return
    else:
        message = (
            f"{judged} verdicts certify a bad rate of {smallest:.3g}, and the certificate in "
            f"service one of {best:.3g}; replace: true takes theirs nevertheless"
        )
    wanted = min(best, LEAST)
    more = state.reviewed.needed(wanted)
    missing = "very many" if more is None else more
    hint = f"{missing} more verdicts on good samples certify {wanted:.3g}"
    raise Problem("too-few-verdicts", f"{state.stream.card.name}: {message}; {hint}")


@dataclass(frozen=True)
class _Asked:
    """What is to be proposed, and to whom."""

    limit: int
    focus: float
    reviewer: str


async def _chosen(
    request: Request, stream: ReviewStream, asked: _Asked, bad_above: float
) -> tuple[ReviewState, dict[int, Sample]]:
    """Propose draws, and make more of them as long as there are too few."""
    store = Service.of(request).verdict_store
    state, now = await ReviewState.read(store, stream, bad_above), time()
    offered = (await store.offered(stream.id)).items()
    taken = {n for n, (who, until) in offered if until > now and who != asked.reviewer}
    made: dict[int, Sample] = {}
    for _ in range(BATCHES):
        wanted = state.reviewed.propose(asked.limit, asked.focus, taken)
        first = len(state.uncertainty)
        chosen = await store.offer(stream.id, asked.reviewer, wanted, now, now + OFFER_S)
        taken |= {*wanted} - {*chosen}  # somebody else has asked at the same time
        if len(chosen) == asked.limit or first >= DRAWS:
            break
        if len(chosen) < len(wanted):
            continue
        fresh = range(first, min(first + max(BATCH, asked.limit), DRAWS))
        made |= await _drawn(request, stream, fresh)
        unsure = [_uncertainty(made[index]) for index in fresh]
        await store.extend(stream.id, first, unsure)
        state = replace(state, uncertainty=[*state.uncertainty, *unsure])
    made |= await _drawn(request, stream, [index for index in chosen if index not in made])
    return state, {index: made[index] for index in chosen}


async def _drawn(
    request: Request, stream: ReviewStream, indices: Sequence[int]
) -> dict[int, Sample]:
    """Make draws."""
    if not indices:
        return {}
    service, card = Service.of(request), stream.card
    lanes = [stream.lane(index) for index in indices]
    async with service.accounts.claim(request.state.key, len(lanes)) as account:
        job = service.pool.submit(card, lanes, owner=owner(request), account=account)
    found: dict[int, Sample] = {}
    with service.metrics.request(card.name, KIND):
        async with job:
            async for event in job:
                if isinstance(event, Finished):
                    found[indices[event.lane]] = event.sample
    return found


def _uncertainty(sample: Sample) -> float:
    """How unsure the model was; NaN of a sample that cannot be shown."""
    return sample.uncertainty if np.isfinite(sample.data).all() else float("nan")


def _record(service: Service, state: ReviewState, max_bad_rate: float) -> dict[str, Any]:
    """How far a review has come, the schema being ``ReviewRecord``, without samples."""
    stream, reviewed = state.stream, state.reviewed
    would = reviewed.certificate(stream.note())
    smallest = float(would.bound[0])
    return {
        "model": stream.card.name,
        "model_version": stream.card.version,
        "calibration_version": stream.card.calibration_version,
        "stream": stream.id,
        "score": stream.score,
        "setting": stream.setting.record(),
        "edit": None if stream.edit is None else stream.edit.record(),
        "draws": len(state.uncertainty),
        "judged": reviewed.judged,
        "reviewers": state.reviewers,
        "delta": DELTA,
        "smallest": smallest if smallest < 1 else None,
        "needed": {"max_bad_rate": max_bad_rate, "verdicts": reviewed.needed(max_bad_rate)},
        "curve": _curve(state, would.bound.tolist()),
        "certificate": _in_service(service, state),
    }


def _curve(state: ReviewState, bounds: Sequence[float]) -> list[dict[str, Any]]:
    """Some of the thresholds, the schema being ``CurvePoint``."""
    bad, count = state.reviewed.tally()
    confidence = state.reviewed.confidence
    return [
        {
            "confidence": float(THRESHOLDS[k]),
            "accepted": float((confidence >= THRESHOLDS[k]).mean()) if len(confidence) else None,
            "judged": int(count[k]),
            "bad": int(bad[k]),
            "bound": bounds[k],
        }
        for k in np.linspace(0, len(THRESHOLDS) - 1, POINTS).round().astype(int)
    ]


def _in_service(service: Service, state: ReviewState) -> dict[str, Any] | None:
    """The certificate of a model, the schema being ``CertificateRecord``."""
    certificate = state.certificate
    if certificate is None:
        return None
    bad_above = certificate.note.get("bad_above", BAD_ABOVE)
    return {
        "version": certificate.version,
        "judge": str(certificate.note.get("judge", "")),
        "draws": int(certificate.note.get("draws", 0)),
        "smallest": float(certificate.bound[0]),
        "withdrawn": service.withdrawn.get(certificate.version),
        "evidence": replace(state, bad_above=bad_above).contradiction().evidence,
    }
