"""Certificates are withdrawn as long as what came in later contradicts them."""

from __future__ import annotations

import asyncio
import logging

from sureflow.confidence.certificate import Conformal, version_of
from sureflow.confidence.contradiction import Contradiction
from sureflow_server.api.calibration_in_service import follow
from sureflow_server.api.certified import tables_of
from sureflow_server.api.review_state import BAD_ABOVE, ReviewState
from sureflow_server.api.review_stream import ReviewStream
from sureflow_server.service import Service
from sureflow_server.store import StoreError

log = logging.getLogger(__name__)

EVERY_S = 1.0
"""Seconds after which a server looks at what others over the same store have changed."""


async def check(service: Service, stream: ReviewStream) -> list[str]:
    """Withdraw the certificates of a model that its fresh random draws contradict, restore others.

    Fresh are those that it was not made of, and samples as they were served. If one holds, they
    contradict it with a probability of its own risk at most, however many verdicts come in. This
    server knows at once, others within a moment.

    Returns:
        Why they do not hold; nothing if nothing speaks against any.
    """
    if not stream.certificates:
        return []
    while True:  # verdicts may have come in before the change: the last to make one looks again
        reasons, news, evidence = list[str](), False, 1.0
        for place, certificate in stream.certificates:
            found = await _against(service, stream, place, certificate)
            evidence = max(evidence, found.evidence)
            reason = _reason(stream, certificate, found)
            reasons += [] if reason is None else [reason]
            news |= await _changed(service, stream.card.name, certificate.version, reason)
        if stream.edit is None:
            service.metrics.certificate_evidence.labels(stream.card.name).set(evidence)
        if not news:
            break
    await learn(service)
    return reasons


async def _against(
    service: Service, stream: ReviewStream, place: int, certificate: Conformal
) -> Contradiction:
    """What the verdicts say against a certificate, as they stand."""
    bad_above = certificate.note.get("bad_above", BAD_ABOVE)
    state = await ReviewState.read(service.verdict_store, stream, bad_above)
    return await asyncio.to_thread(state.against, place, certificate)


def _reason(stream: ReviewStream, certificate: Conformal, found: Contradiction) -> str | None:
    """Why a certificate does not hold; ``None`` if it does."""
    if found.evidence < 1 / certificate.note["delta"]:
        return None
    name = None if found.stratum is None else stream.card.class_of(found.stratum)
    kind = "samples served" if found.served else "fresh random draws"
    draws = kind if name is None else f"{kind} of class {name}"
    return (
        f"{found.bad} of the first {found.count} {draws} from a confidence of "
        f"{found.confidence:g} on are bad, and at most {found.bound:.3g} of them may be: "
        f"evidence {found.evidence:.3g}"
    )


async def _changed(service: Service, model: str, certificate: str, reason: str | None) -> bool:
    """Note whether a certificate holds; return whether that is news."""
    if reason is None:
        if news := await service.verdict_store.restore(certificate):
            log.warning("the certificate of %s holds again: verdicts have changed", model)
    elif news := await service.verdict_store.withdraw(certificate, reason):
        log.error("the certificate of %s is withdrawn: %s", model, reason)
        service.metrics.withdrawals.labels(model).inc()
    return news


async def learn(service: Service) -> None:
    """Know what is withdrawn, and tell the metrics."""
    async with service.learning:
        present = await service.verdict_store.withdrawn()
        service.withdrawn.update(present)
        for certificate in service.withdrawn.keys() - present.keys():
            del service.withdrawn[certificate]
    tell(service)


async def watch(service: Service) -> None:
    """Learn what other servers have changed, until it is cancelled."""
    while True:
        try:
            await follow(service.pool, service.verdict_store)
            await learn(service)
            await service.exposure.count(service.verdict_store)
        except StoreError as error:
            log.debug("what other servers have changed cannot be read: %s", error)
            tell(service)
        await asyncio.sleep(EVERY_S)


def tell(service: Service) -> None:
    """Say of every model with certificates whether all hold."""
    for card in service.pool.cards.values():
        if tables := tables_of(card):
            withdrawn = any(version_of(table) in service.withdrawn for table in tables)
            service.metrics.certificate_withdrawn.labels(card.name).set(withdrawn)
