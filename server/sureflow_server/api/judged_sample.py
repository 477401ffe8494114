"""From how a client names a sample to what the server knows of it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from fastapi import Request

from sureflow.core.family import family_of
from sureflow.core.lane import LaneSpec
from sureflow.core.schema import InvalidFieldError
from sureflow.recipe import dump
from sureflow_server.api.access import caller
from sureflow_server.api.generate_plan import plan_generate
from sureflow_server.api.opened_handle import open_handle
from sureflow_server.api.planning import make_plan
from sureflow_server.api.problems import Problem, to_problem
from sureflow_server.api.requests import GenerateRequest
from sureflow_server.api.review_stream import ReviewStream
from sureflow_server.api.verdict_request import VerdictEntry
from sureflow_server.served import COUNTS_FOR, Served
from sureflow_server.service import Service
from sureflow_server.store import SERVED, Draw

KNOWN = ("seed", "index", "confidence", "confidence_holds", "uncertainty", "method")
"""What of a sample's record is kept with a verdict."""

RECIPE_BYTES = 900
"""Of the recipe of a sample, to be kept with a verdict on it."""

REQUEST_BYTES = 1200
"""Of the request that makes a sample, to be kept with a verdict on it."""


@dataclass(frozen=True, slots=True)
class JudgedSample:
    """A sample that a verdict is about.

    Attributes:
        model: Name of its model.
        model_version: The version that made it.
        stream: Of which stream of draws it is, or :data:`~sureflow_server.store.verdict.SERVED`.
        id: What tells it from others.
        facts: What the server itself knows of it. No confidence comes from a client.
        counted: The sample as it was served, if it counts for or against a certificate.
    """

    model: str
    model_version: str
    stream: str
    id: str
    facts: Mapping[str, Any]
    counted: Served | None = None


@dataclass
class Naming:
    """Finds the samples that one request names.

    Attributes:
        streams: The streams of which there are any.
    """

    request: Request
    streams: dict[str, ReviewStream] = field(default_factory=dict)
    _draws: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    async def sample(self, entry: VerdictEntry) -> JudgedSample:
        """Return the sample of an entry.

        Raises:
            Problem: There is none; names the field.
            StoreError: The handle cannot be had.
        """
        if entry.draw is not None:
            return await self._of_draw(entry.draw)
        if entry.handle is not None:
            return await self._of_handle(entry.handle)
        if entry.recipe is not None:
            return await self._of_recipe(entry.recipe, entry.index)
        return self._of_response(str(entry.response), entry.index or 0)

    async def _of_draw(self, id: str) -> JudgedSample:
        service, draw = Service.of(self.request), Draw.of(id)
        stream = None if draw is None else await self._stream(draw.stream)
        if draw is None or stream is None:
            message = f"{id!r} was not proposed by a model in service"
            raise Problem.field("draw", message, "unknown-draw")
        if stream.id not in self._draws:
            unsure = await service.verdict_store.draws(stream.id)
            confidence = stream.confidence(unsure).tolist()
            self._draws[stream.id] = [*zip(unsure, confidence, strict=True)]
        known = self._draws[stream.id]
        if draw.number >= len(known):
            raise Problem.field("draw", f"{id!r} was not proposed yet", "unknown-draw")
        facts = {
            **_recipe(dump(replace(stream.lane(draw.number), scores=(), early=None))),
            "seed": stream.seed,
            "index": draw.number,
            "stratum": stream.stratum(draw.number),
            "uncertainty": known[draw.number][0],
            "confidence": known[draw.number][1],
            "method": stream.score,
        }
        return JudgedSample(stream.card.name, stream.card.version, stream.id, draw.id, facts)

    async def know(self, model: str) -> None:
        """Know the stream of a model, if it is in service and has one."""
        service = Service.of(self.request)
        card = service.pool.cards.get(model)
        found = None if card is None else await service.streams.any_of(card)
        if found is not None:
            self.streams[found.id] = found

    async def _stream(self, id: str) -> ReviewStream | None:
        if id not in self.streams:
            service = Service.of(self.request)
            found = await service.streams.find(id, [*service.pool.cards.values()])
            if found is None:
                return None
            self.streams[id] = found
        return self.streams[id]

    async def _of_handle(self, id: str) -> JudgedSample:
        opened = await open_handle(self.request, id)
        handle, served = opened.handle, Service.of(self.request).served
        facts = known_of(opened.spec, opened.facts) | {"handle": id}
        found = served.find(caller(self.request), opened.made_by, opened.spec.index)
        return served_sample(handle.model, handle.model_version, opened.spec, facts, found)

    async def _of_recipe(self, recipe: GenerateRequest, index: int | None) -> JudgedSample:
        place = recipe.first if index is None else index
        if not recipe.first <= place < recipe.first + recipe.count:
            raise Problem.field("index", f"the recipe makes no sample {place}")
        alone = {"n": 1, "first": place, "filter": None, "rewind": None, "deadline_s": None}
        asked = recipe.model_copy(update=alone)
        service = Service.of(self.request)
        try:
            planned = await make_plan(self.request, 1, lambda: plan_generate(asked, service))
        except (Problem, InvalidFieldError) as error:
            problem = error if isinstance(error, Problem) else to_problem(error)
            raise problem.within("recipe") from None
        facts = {"seed": planned.seed, "index": place}
        written = recipe.model_dump_json(exclude_unset=True)
        if len(written) <= REQUEST_BYTES:
            facts["request"] = json.loads(written)
        spec, card = planned.lanes[0], planned.card
        return served_sample(card.name, card.version, spec, known_of(spec, facts) | facts)

    def _of_response(self, id: str, index: int) -> JudgedSample:
        service = Service.of(self.request)
        found = service.served.find(caller(self.request), id, index)
        if found is None:
            message = f"no sample {index} of {id!r} is remembered; name it by its handle or recipe"
            raise Problem.field("response", message, "unknown-response")
        facts = known_of(found.spec, found.facts) | {"response": id}
        return served_sample(found.model, found.model_version, found.spec, facts, found)


def served_sample(
    model: str,
    version: str,
    spec: LaneSpec,
    facts: Mapping[str, Any],
    served: Served | None = None,
) -> JudgedSample:
    """A sample that a client chose: it is told from others by what makes it."""
    bare = dump(replace(spec, scores=(), early=None))
    id = f"smp_{sha256(version.encode() + bare).hexdigest()[:32]}"
    counted = served if served is not None and COUNTS_FOR in served.facts else None
    return JudgedSample(model, version, SERVED, id, {**facts, **_recipe(bare)}, counted)


def _recipe(bare: bytes) -> dict[str, str]:
    """By what a sample can be made again, if that is short."""
    return {"recipe": b64encode(bare).decode()} if len(bare) <= RECIPE_BYTES else {}


def known_of(spec: LaneSpec, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What of the record of a sample is kept with a verdict on it."""
    stratum = family_of(spec).strata(spec)[0][0]
    return {**{name: facts[name] for name in KNOWN if name in facts}, "stratum": stratum}
