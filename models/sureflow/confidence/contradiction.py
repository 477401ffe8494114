"""What draws say against a certificate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sureflow.confidence.anytime import evidence_above
from sureflow.confidence.certificate import Conformal
from sureflow.core.arrays import Floats

LARGEST = 500.0
"""Log of the evidence, at most, so that it stays finite."""


@dataclass(frozen=True)
class Contradiction:
    """The most that the draws of a stream ever say against a certificate; by default nothing.

    They are looked at one by one, in their order. After each, the evidence is the mean of that
    against each bound, over draws that reach its threshold. A threshold of which a draw has no
    verdict adds nothing from there on. The largest of these means counts.

    **Why it is sound.** If all bounds hold, the mean with all verdicts, those still to come
    included, ever comes to ``1 / delta`` with a probability of ``delta`` at most (Ville, 1939). It
    is never less than the mean with those that there are, whichever these are. So reviewers may
    stop, pass over draws and look when they like. What counts follows from the verdicts as they
    stand, and verdicts on further draws never make it less.

    Attributes:
        evidence: That not all bounds hold, at least 1.
        confidence: The threshold that these draws speak against most.
        bound: Rate certified there.
        bad: How many of the draws that reach it are bad.
        count: How many reach it.
        stratum: Of which these draws are; ``None`` for all.
        served: Whether they are samples that clients asked for, not draws of a review.
    """

    evidence: float = 1.0
    confidence: float = 0.0
    bound: float = 1.0
    bad: int = 0
    count: int = 0
    stratum: str | None = None
    served: bool = False

    @classmethod
    def of(cls, confidence: Floats, bad: Floats, certificate: Conformal) -> Contradiction:
        """Of draws ``[D]`` in their order that the certificate was not made of.

        ``bad [D]`` is 1 for bad, 0 for good, NaN without a verdict.
        """
        said = certificate.bound < 1
        threshold, bound = certificate.confidence[said], certificate.bound[said]
        reached = confidence[:, None] >= threshold
        missed = np.logical_or.accumulate(reached & np.isnan(bad)[:, None])
        ends = np.flatnonzero(bad == 1)  # good draws and missing verdicts add nothing
        if not reached[ends].any():
            return cls()
        bads = (reached & (bad == 1)[:, None]).cumsum(0)[ends]
        counts = reached.cumsum(0)[ends]
        evidence = np.exp(np.minimum(evidence_above(bads, counts, bound), LARGEST))
        evidence[missed[ends]] = 0
        at = int(evidence.mean(1).argmax())
        largest, k = float(evidence[at].mean()), int(evidence[at].argmax())
        if largest <= 1:
            return cls()
        place = float(threshold[k]), float(bound[k]), int(bads[at, k]), int(counts[at, k])
        return cls(largest, *place)
