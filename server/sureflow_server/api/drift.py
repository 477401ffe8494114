"""Certificates that what came in later contradicts are withdrawn."""

from __future__ import annotations

import asyncio
import logging

from sureflow.confidence.certificate import version_of
from sureflow_server.api.review_state import BAD_ABOVE, ReviewState
from sureflow_server.api.review_stream import ReviewStream
from sureflow_server.service import Service
from sureflow_server.store import StoreError

log = logging.getLogger(__name__)

EVERY_S = 1.0
"""Seconds after which a server looks at what others over the same store have withdrawn."""


async def check(service: Service, stream: ReviewStream) -> str | None:
    """Withdraw the certificate of a model if its fresh random draws contradict it.

    Fresh are those that it was not made of. If it holds, that happens with a probability of its own
    risk at most, however many verdicts come in.

    Returns:
        Why it does not hold; ``None`` if nothing speaks against it.
    """
    certificate = stream.calibration.conformal
    if certificate is None:
        return None
    bad_above = certificate.note.get("bad_above", BAD_ABOVE)
    state = await ReviewState.read(service.verdict_store, stream, bad_above)
    evidence = await asyncio.to_thread(state.evidence)
    service.metrics.certificate_evidence.labels(stream.card.name).set(evidence)
    if evidence < 1 / certificate.note["delta"]:
        return None
    threshold, bound, bad, count = state.reviewed.worst(certificate, state.fresh)
    reason = (
        f"{bad} of {count} fresh random draws from a confidence of {threshold:g} on are bad, "
        f"and at most {bound:.3g} of them may be: evidence {evidence:.3g}"
    )
    await withdraw(service, stream.card.name, certificate.version, reason)
    return reason


async def withdraw(service: Service, model: str, certificate: str, reason: str) -> None:
    """Withdraw a certificate, here at once and at other servers within a moment."""
    await service.verdict_store.withdraw(certificate, reason)
    if certificate not in service.withdrawn:
        log.error("the certificate of %s is withdrawn: %s", model, reason)
        service.metrics.withdrawals.labels(model).inc()
    service.withdrawn.setdefault(certificate, reason)
    tell(service)


async def watch(service: Service) -> None:
    """Know what is withdrawn, and tell the metrics, until it is cancelled."""
    while True:
        try:
            for certificate, reason in (await service.verdict_store.withdrawn()).items():
                service.withdrawn.setdefault(certificate, reason)
        except StoreError as error:
            log.debug("withdrawn certificates cannot be read: %s", error)
        tell(service)
        await asyncio.sleep(EVERY_S)


def tell(service: Service) -> None:
    """Say of every model with a certificate whether it holds."""
    for card in service.pool.cards.values():
        if (table := card.calibrated.get("conformal")) is not None:
            withdrawn = version_of(table) in service.withdrawn
            service.metrics.certificate_withdrawn.labels(card.name).set(withdrawn)
