"""What a standing judge says of samples that were served, held against their certificates."""

from __future__ import annotations

import json
import logging
from time import time

from sureflow.confidence.served import hundredth
from sureflow.core.lane import Sample
from sureflow_server.api.counted import SERVED_BEFORE, standing_for
from sureflow_server.api.drift import check
from sureflow_server.api.judged_sample import known_of, served_sample
from sureflow_server.api.review_state import BAD_ABOVE
from sureflow_server.exposure import of_stratum
from sureflow_server.judges import PREFIX
from sureflow_server.served import COUNTS_FOR, Served
from sureflow_server.service import Service
from sureflow_server.store import StoreError, Verdict

log = logging.getLogger(__name__)


async def watch(service: Service) -> None:
    """Have the samples judged that wait for it, one after the other, until it is cancelled."""
    while True:
        served, sample = await service.standing.waiting.get()
        try:
            await _judge(service, served, sample)
        except StoreError as error:
            log.warning("what the standing judge says is lost: %s", error)


async def _judge(service: Service, served: Served, sample: Sample) -> None:
    """Count a sample, and keep a verdict if it is bad.

    A judge that fails has found nothing bad. Good samples are counted, and take no room.
    """
    store, name = service.verdict_store, f"{PREFIX}{service.standing.judge}"
    said = await service.judges.ask(str(service.standing.judge), sample)
    known = known_of(served.spec, served.facts)
    found = served_sample(served.model, served.model_version, served.spec, known)
    kind, stratum = standing_for(served.facts[COUNTS_FOR]), found.facts["stratum"]
    service.exposure.add(kind, stratum, hundredth(found.facts["confidence"]))
    if said.value is None or said.value <= BAD_ABOVE:
        return
    await service.exposure.count(store)
    before = of_stratum(await store.counted(kind), stratum)
    facts = {**found.facts, COUNTS_FOR: kind, SERVED_BEFORE: before}
    verdict = Verdict(
        model=found.model,
        model_version=found.model_version,
        stream=found.stream,
        sample=found.id,
        reviewer=name,
        name=name,
        bad=said.value,
        at=round(time(), 3),
        facts=json.dumps(facts),
    )
    await store.put([verdict])
    service.metrics.verdicts.labels(found.model, "bad").inc()
    card = service.pool.cards.get(found.model)
    stream = None if card is None else await service.streams.any_of(card)
    if stream is not None:
        await check(service, stream)
