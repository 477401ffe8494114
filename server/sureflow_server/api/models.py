"""``/v1/models``: what can be asked for, and how that is changed."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache, lru_cache
from itertools import islice
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from sureflow.core.card import ModelCard
from sureflow.core.condition import described
from sureflow.core.family import Meaning, families, family_of
from sureflow_server.api.access import Guarded
from sureflow_server.api.calibrate import CalibrateRequest, calibration, calibration_run
from sureflow_server.api.disconnect import unless_disconnected
from sureflow_server.api.encoded import Encoded
from sureflow_server.api.jobs import ACCEPTED, accepted
from sureflow_server.api.json_pieces import text
from sureflow_server.api.model_record import ModelList, ModelRecord, OpenAIModel
from sureflow_server.api.off_loop import off_loop
from sureflow_server.api.problems import Problem, problems
from sureflow_server.api.public_text import shown
from sureflow_server.api.resolve import image_models
from sureflow_server.engine.errors import NotReadyError
from sureflow_server.service import Service

KNOWN = 64
"""Records of models that are kept as JSON."""

RECORDS_BYTES = 1 << 20
"""Bytes that are made in the time in which unknown models are described, about."""

LANES = 4
"""Lanes by which it is found out which scores a model can have."""

router = APIRouter(
    prefix="/v1/models",
    tags=["models"],
    responses=problems(401, 403, 429, 503),
    route_class=Guarded,
)


@router.get("", response_model=ModelList)
async def list_models(request: Request) -> Response:
    """List every checkpoint folder, those that could not be loaded included."""
    records = (await _records(request)).values()
    listed = [part for record in records for part in (b",", record)]
    images = [OpenAIModel(id=card.name).model_dump() for card in image_models(Service.of(request))]
    return Encoded((b'{"models":[', *listed[1:], b'],"object":"list","data":', text(images), b"}"))


@router.get("/{name}", response_model=ModelRecord, responses=problems(404, 422))
async def get_model(request: Request, name: str) -> Response:
    """Describe one model."""
    records = await _records(request)
    if name not in records:
        raise Problem("unknown-model", f"there is no {name!r}; choose from {', '.join(records)}")
    return Encoded((records[name],))


@router.post(
    "/{name}/load", response_model=ModelRecord, responses=problems(404, 409, 415, 422, 429, 500)
)
async def load_model(request: Request, name: str) -> Response:
    """Load a folder, new or changed, and take it into service without a failed request.

    Answers once the model has generated. New requests get the new version; those under way finish
    with the old one, whose handles answer 409 from then on. If it cannot be loaded, what was in
    service still is. Replace a folder as a whole, by renaming another one: a folder that is half
    written would be found out, or not be loaded. One model is loaded at a time (429), and no
    longer than its client waits for it.
    """
    service = Service.of(request)
    with service.metrics.load():
        await unless_disconnected(request, service.pool.load(name))
    return Encoded(((await _records(request))[name],))


@router.post("/{name}/unload", response_model=ModelRecord, responses=problems(404, 415, 422))
async def unload_model(request: Request, name: str) -> Response:
    """Take a model out of service; its memory is free once requests under way are done."""
    service = Service.of(request)
    await unless_disconnected(request, service.pool.unload(name))
    return Encoded(((await _records(request))[name],))


@router.post(
    "/{name}/calibrate",
    status_code=202,
    responses={**ACCEPTED, **problems(400, 404, 408, 409, 413, 415, 422, 429)},
    response_class=Response,
)
async def calibrate_model(request: Request, name: str, body: CalibrateRequest) -> Response:
    """Measure what a setting does to confidence, so that it is a share of samples there as well.

    A job at the lowest priority: it has rows only while no other request wants any, and takes no
    room from them. Once it is completed, answers name another `calibration_version`; the `version`
    of the model, its samples and their handles are as before.
    """
    service = Service.of(request)
    return await accepted(request, await calibration_run(service, name, body), calibration)


def _described(card: ModelCard) -> dict[str, Any]:
    """What there is to choose from with a model, beside what its card says."""
    family = family_of(card)
    lanes = list(islice(family.warm_up_lanes(card), LANES))
    scores = [
        name
        for name in family.scores
        if any(family.obstacle(name, card, lane) is None for lane in lanes)
    ]
    facts = asdict(card)
    del facts["own_sizes"]
    return {
        **facts,
        "sizes": card.sizes if card.shapes else None,
        "conditions": described(card),
        "samplers": family.samplers,
        "scores": scores,
        "meanings": {name: _meaning(family.scores[name]) for name in scores},
        "operations": [*family.operation_bodies],
        "formats": family.codec.formats(card),
        "view": family.view(card),
        "schemas": _schemas(family.name),
    }


def _meaning(score: Meaning) -> dict[str, str | None]:
    """What a score means, the schema being ``MeaningRecord``."""
    return {
        "semantics": score.semantics,
        "unit": score.unit,
        "says": score.says,
        "not_for": score.not_for or None,
    }


@cache
def _schemas(family: str) -> dict[str, Any]:
    """JSON Schemas of the sampler of a family, and of its operations by type."""
    face = families()[family]
    bodies = face.operation_bodies.items()
    return {
        "sampler": face.sampler.model_json_schema(),
        "operations": {name: body.model_json_schema() for name, body in bodies},
    }


async def _records(request: Request) -> dict[str, bytes]:
    """Every folder by name, as JSON, the schema being ``ModelRecord``."""
    service = Service.of(request)
    return await off_loop(lambda: _described_all(service), RECORDS_BYTES)


def _described_all(service: Service) -> dict[str, bytes]:
    pool, default = service.pool, service.default_model
    if not pool.folder:
        raise NotReadyError("the models are still being loaded", 2)
    ready = {
        name: _ready(_Same(card), name == default, name in pool.resident)
        for name, card in pool.cards.items()
    }
    failed = {
        name: _json(name, state="failed", default=name == default, error=shown(error, 1000))
        for name, error in [*pool.failures.items()]
        if name not in pool.loading
    }
    loading = {name: _json(name, state="loading", default=name == default) for name in pool.loading}
    unloaded = {
        name: _json(name, state="unloaded", default=name == default)
        for name in sorted(pool.unloaded)
    }
    return unloaded | failed | loading | ready


class _Same:
    """A card, equal to itself alone; to compare all of two would take as long as to encode one."""

    def __init__(self, card: ModelCard) -> None:
        self.card = card

    def __hash__(self) -> int:
        return id(self.card)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.card is other.card


@lru_cache(KNOWN)
def _ready(model: _Same, default: bool, loaded: bool) -> bytes:
    described = _described(model.card)
    return _json(state="ready", default=default, loaded=loaded, **described)


def _json(name: str, **facts: Any) -> bytes:
    return ModelRecord(id=name, name=name, **facts).model_dump_json(exclude_none=True).encode()
