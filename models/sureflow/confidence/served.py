"""What verdicts on samples that were served say against a certificate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sureflow.confidence.anytime import evidence_above
from sureflow.confidence.certificate import Conformal
from sureflow.confidence.contradiction import LARGEST, Contradiction
from sureflow.core.arrays import Floats, Integers

HUNDREDTHS = 101
"""Kinds of confidence that served samples are counted by: from each hundredth to the next."""


def hundredth(confidence: float) -> int:
    """The largest ``k`` with ``k / 100 <= confidence``, in 0 .. 100."""
    nearest = round(100 * confidence)
    return nearest - (nearest / 100 > confidence)


@dataclass(frozen=True)
class BadSample:
    """A served sample that somebody found bad.

    Attributes:
        id: What tells it from others.
        stratum: Of which it is.
        confidence: How sure the model was of it.
        served: How many samples of its stratum had been served when it was judged, itself included,
            by :func:`hundredth` of their confidence, ``[HUNDREDTHS]``.
    """

    id: str
    stratum: str
    confidence: float
    served: Sequence[int]


def against(certificate: Conformal, bad: Sequence[BadSample]) -> Contradiction:
    """Hold bad samples against what a certificate says of their strata.

    **Why it is sound.** Of samples that were served, people judge whichever they like, and rather
    the bad ones. So all that were served count, and those that nobody called bad count as good: the
    evidence is never more than it would be if all were judged. Their seeds must be random, not a
    client's choice. Then, in the order in which they were served, those of a stratum that reach a
    threshold are independent draws of what it accepts, and if all bounds hold, the mean of the
    evidence over the thresholds of a stratum ever comes to ``1 / delta`` with a probability of
    ``delta`` at most (Ville, 1939). It is looked at whenever a sample is called bad; the most that
    it ever came to counts, so that good ones that come later take nothing away. The strata share
    the risk. Of a mixture of strata nothing is said, since clients mix them as they like.
    """
    told = certificate.stratified
    found = Contradiction()
    if told is None:
        return found
    for name in told.strata:
        levels, bounds = told.tested(name)
        said, theirs = bounds < 1, [each for each in bad if each.stratum == name]
        if said.any() and theirs:
            one = _of_stratum(levels[said], bounds[said], theirs)
            evidence = one.evidence / len(told.strata)
            if evidence > found.evidence:
                found = replace(one, evidence=evidence, stratum=name, served=True)
    return found


def _of_stratum(levels: Floats, bounds: Floats, bad: Sequence[BadSample]) -> Contradiction:
    """The evidence that samples of a stratum ever came to, and what it rests on most."""
    order = sorted(bad, key=lambda each: sum(each.served))
    first = {each.id: number for number, each in reversed([*enumerate(order)])}
    once = np.array([first[each.id] == number for number, each in enumerate(order)])
    reached = np.array([[each.confidence >= level for level in levels] for each in order])
    bads: Integers = (reached & once[:, None]).cumsum(0)
    beyond = np.array([each.served for each in order])[:, ::-1].cumsum(1)[:, ::-1]
    counts = np.maximum(beyond[:, np.round(100 * levels).astype(int)], bads)
    logs = np.minimum(evidence_above(bads, counts, bounds), LARGEST)
    evidence = np.exp(np.where(counts > 0, logs, 0.0))
    at = int(evidence.mean(1).argmax())
    k = int(evidence[at].argmax())
    rests = float(levels[k]), float(bounds[k]), int(bads[at, k]), int(counts[at, k])
    return Contradiction(float(evidence[at].mean()), *rests)
