"""``/v1/verdicts``: what people and judges say of samples that the server made."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from functools import partial
from io import StringIO
from math import isfinite
from time import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from sureflow.core.schema import NAME_LENGTH
from sureflow_server.api.accept import negotiate
from sureflow_server.api.access import Guarded
from sureflow_server.api.counted import SERVED_BEFORE, with_counts
from sureflow_server.api.drift import check
from sureflow_server.api.encoded import Encoded, claim_of
from sureflow_server.api.handle_options import moment
from sureflow_server.api.idempotency import PARAMETERS, idempotent
from sureflow_server.api.json_pieces import text
from sureflow_server.api.judged_sample import JudgedSample, Naming
from sureflow_server.api.off_loop import off_loop
from sureflow_server.api.problems import Problem, problems
from sureflow_server.api.verdict_request import (
    VerdictEntry,
    VerdictsRequest,
    VerdictsResponse,
)
from sureflow_server.keys.key import Key
from sureflow_server.served import COUNTS_FOR
from sureflow_server.service import Service
from sureflow_server.store import Place, Verdict
from sureflow_server.store.verdict import BAD, FACTS_BYTES, GOOD
from sureflow_server.turns import Turns

LINES, CSV = "application/jsonl", "text/csv"
"""Forms of the export."""

LINE_BYTES = 600
"""Of a line of it, about."""

COLUMNS = (
    *("at", "reviewer", "key", "verdict", "bad", "model", "model_version", "stream", "sample"),
    *("seed", "index", "stratum", "method", "uncertainty", "confidence", "handle", "response"),
)
"""Of the export as CSV."""

OURS = {COUNTS_FOR, SERVED_BEFORE}
"""Facts that nobody else has need of."""

NAMES = {GOOD: "good", BAD: "bad"}

router = APIRouter(prefix="/v1/verdicts", tags=["review"], route_class=Guarded)


@router.post(
    "",
    response_model=VerdictsResponse,
    responses=problems(400, 401, 403, 404, 408, 409, 410, 413, 415, 422, 429, 503, 507),
    openapi_extra={"parameters": PARAMETERS["parameters"][:1]},
)
async def give(request: Request, body: VerdictsRequest) -> Response:
    """Keep verdicts on samples that the server made, all of them or none.

    A reviewer has one verdict on a sample: another one replaces it, null takes it back. So a
    request may be repeated, with an `Idempotency-Key` or without. Reviewer and time are kept. Where
    verdicts on random draws, or on samples as they were served, contradict the certificate of a
    model, it is withdrawn, until these are taken back or replaced.
    """
    return await idempotent(request, partial(_give, request, body))


async def _give(request: Request, body: VerdictsRequest) -> Response:
    service, naming, turns = Service.of(request), Naming(request), Turns()
    samples = list[JudgedSample]()
    for number, entry in enumerate(body.verdicts):
        samples.append(await _named(naming, entry, number))
        await turns.step()
    samples = await with_counts(service, samples)
    kept: dict[Place, Verdict | None] = {}
    key: Key | None = request.state.key
    for sample, entry in zip(samples, body.verdicts, strict=True):
        verdict = _verdict(sample, entry, key)
        kept[verdict.place] = None if entry.verdict is None else verdict
    given = [verdict for verdict in kept.values() if verdict is not None]
    gone = [place for place, verdict in kept.items() if verdict is None]
    await service.verdict_store.put(given, gone)
    for verdict in given:
        service.metrics.verdicts.labels(verdict.model, NAMES.get(verdict.bad, "number")).inc()
    for model in {sample.model for sample in samples if sample.counted is not None}:
        await naming.know(model)
    checked = [(stream, await check(service, stream)) for stream in naming.streams.values()]
    answer = {
        "kept": len(given),
        "taken_back": len(gone),
        "reviewer": "" if key is None else key.name,
        "samples": [sample.id for sample in samples],
        "withdrawn": [
            {"model": stream.card.name, "reason": reason}
            for stream, reasons in checked
            for reason in reasons
        ],
    }
    return Encoded((text(answer),))


@router.get(
    "",
    responses={
        200: {"content": {LINES: {}, CSV: {}}},
        **problems(401, 403, 404, 406, 422, 429, 503),
    },
    response_class=Response,
)
async def export(
    request: Request,
    model: Annotated[str, Query(max_length=NAME_LENGTH, description="Of this model.")],
) -> Response:
    """Export the verdicts on samples of a model, oldest first.

    As JSON lines, or as CSV if `Accept` prefers it.
    """
    chosen = negotiate(request.headers.get("accept"), (LINES, CSV))
    if chosen is None:
        raise Problem("not-acceptable", f"this path answers as {LINES} and {CSV}")
    verdicts = await Service.of(request).verdict_store.verdicts(model)
    nbytes = LINE_BYTES * len(verdicts)
    claim_of(request).take(nbytes)
    write = _csv if chosen == CSV else _lines
    body = await off_loop(lambda: b"".join(write(verdicts)), nbytes)
    claim_of(request).resize(len(body))
    return Encoded((body,), media_type=chosen)


async def _named(naming: Naming, entry: VerdictEntry, number: int) -> JudgedSample:
    """The sample of an entry; complaints say of which entry they are."""
    try:
        return await naming.sample(entry)
    except Problem as problem:
        raise problem.within(f"verdicts.{number}") from None


def _verdict(sample: JudgedSample, entry: VerdictEntry, key: Key | None) -> Verdict:
    known = {name: value for name, value in sample.facts.items() if _is_json(value)}
    facts = json.dumps(known)
    return Verdict(
        model=sample.model,
        model_version=sample.model_version,
        stream=sample.stream,
        sample=sample.id,
        reviewer="" if key is None else key.id,
        name="" if key is None else key.name,
        bad=entry.verdict or GOOD,
        at=round(time(), 3),
        facts=facts if len(facts) <= FACTS_BYTES else "{}",
    )


def _is_json(value: Any) -> bool:
    return not isinstance(value, float) or isfinite(value)


def _record(verdict: Verdict) -> dict[str, Any]:
    """A verdict as a line of the export."""
    return {
        "at": moment(verdict.at),
        "reviewer": verdict.name,
        "key": verdict.reviewer,
        "verdict": NAMES.get(verdict.bad, verdict.bad),
        "bad": verdict.bad,
        "model": verdict.model,
        "model_version": verdict.model_version,
        "stream": verdict.stream,
        "sample": verdict.sample,
        **{name: fact for name, fact in json.loads(verdict.facts).items() if name not in OURS},
    }


def _lines(verdicts: list[Verdict]) -> Iterator[bytes]:
    for verdict in verdicts:
        yield text(_record(verdict)) + b"\n"


def _csv(verdicts: list[Verdict]) -> Iterator[bytes]:
    buffer = StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for verdict in verdicts:
        writer.writerow(_record(verdict))
    yield buffer.getvalue().encode()
