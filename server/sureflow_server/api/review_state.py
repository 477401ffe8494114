"""How far the review of a model has come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sureflow.confidence.certificate import Conformal
from sureflow.confidence.contradiction import Contradiction
from sureflow.confidence.reviewed import Reviewed
from sureflow.confidence.served import against
from sureflow_server.api.counted import bad_samples, counting, standing_for
from sureflow_server.api.review_stream import ReviewStream
from sureflow_server.store import SERVED, Draw, Verdict, VerdictStore

BAD_ABOVE = 0.5
"""Verdicts above it are bad, where nobody says otherwise; ``good`` is 0 and ``bad`` is 1."""

SOURCES = 3
"""Of evidence against a certificate, which share its risk."""

OFFER_S = 300.0
"""Seconds for which a draw that was proposed to one reviewer is proposed to no other."""

DRAWS = 20_000
"""Draws of a stream at most."""


@dataclass(frozen=True)
class ReviewState:
    """The draws of a stream and the verdicts on them.

    Attributes:
        stream: What is reviewed.
        uncertainty: Of the draws that are known, in their order.
        verdicts: Those on draws of the stream.
        served: Those on samples that clients have asked for.
        bad_above: Verdicts above it are bad. Of several on a draw, the worst counts.
    """

    stream: ReviewStream
    uncertainty: Sequence[float]
    verdicts: Sequence[Verdict]
    bad_above: float = BAD_ABOVE
    served: Sequence[Verdict] = ()

    @classmethod
    async def read(
        cls, store: VerdictStore, stream: ReviewStream, bad_above: float = BAD_ABOVE
    ) -> ReviewState:
        """Read it from the store."""
        model, served = stream.card.name, list[Verdict]()
        verdicts = await store.verdicts(model, stream.id)
        if stream.calibration.certificates:
            served = await store.verdicts(model, SERVED)
        return cls(stream, await store.draws(stream.id), verdicts, bad_above, served)

    @cached_property
    def reviewed(self) -> Reviewed:
        """Confidence and verdicts of the draws."""
        bad = np.full(len(self.uncertainty), np.nan)
        for verdict in self.verdicts:
            draw = Draw.of(verdict.sample)
            if draw is not None and draw.number < len(bad):
                bad[draw.number] = np.fmax(bad[draw.number], float(verdict.bad > self.bad_above))
        return Reviewed(self.stream.confidence(self.uncertainty), bad, self.stream.strata)

    @property
    def reviewers(self) -> dict[str, int]:
        """Verdicts by the name of their reviewer; those most of all come first."""
        return dict(Counter(verdict.name for verdict in self.verdicts).most_common())

    def contradiction(self) -> Contradiction:
        """What fresh verdicts say against the certificate in service; nothing without one."""
        certificate = self.certificate
        return Contradiction() if certificate is None else self.against(0, certificate)

    def against(self, place: int, certificate: Conformal) -> Contradiction:
        """What fresh verdicts say against a certificate, by its place among those of the model.

        Draws, which are of the setting of one of them, samples that were served, and those of them
        that a standing judge has looked at share the risk.
        """
        kind = counting(self.stream.card.calibration_version, place)
        found = [
            against(certificate, bad_samples(self.served, each, self.bad_above))
            for each in (kind, standing_for(kind))
        ]
        if certificate is self.certificate:
            found.append(self.reviewed.contradiction(certificate, self.fresh))
        worst = max(found, key=lambda each: each.evidence)
        return replace(worst, evidence=max(worst.evidence / SOURCES, 1.0))

    @property
    def fresh(self) -> int:
        """The first draw that the certificate in service was not made of."""
        note = {} if self.certificate is None else self.certificate.note
        return int(note.get("until", 0)) if note.get("stream") == self.stream.id else 0

    @property
    def certificate(self) -> Conformal | None:
        """The one in service."""
        return self.stream.certificate
