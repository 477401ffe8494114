"""The score ``class_margin``: does the model see the class that was asked for?"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Floats, Index, Integers, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.score import Evidence, Fields, Score, Step
from sureflow.core.transfer import to_device
from sureflow.families.flow.scores.catalogue import READ_CLASSES

FORETELLS, READS = 0.2, (0.45, 0.9)
"""Times from which a lane is read, at its first evaluation before the next of them: once to
foretell the score, and twice for it. From the first of these on it is hardly open what a sample
will be, so that hopeless ones are known there; what goes wrong later shows at the second."""

TIMES = (FORETELLS, *READS)
COUNTING = 2
"""Number of times that a lane has reached when a reading counts."""

ROUNDING = 1e-9


class ClassMargin(Score):
    """``max_k log p(k) - log p(y)`` over the other classes k, the larger of two readings.

    The label is y, and the probabilities are those of a
    :class:`~sureflow.networks.classifier.Classifier`, which reads the state of the lane at
    ``t = 0.45`` and ``0.9``, and what the network computes of it when it is not told the label. As
    the larger reading counts, a lane that is over a threshold at the first is over it for good. A
    reading at ``t = 0.2`` foretells it before. A lane without an evaluation from 0.45 on has no
    score. Each reading costs one evaluation.
    """

    costly = (READ_CLASSES,)

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._margin = fields.tensor("margin")
        self._reached, self._label = fields.count("reached"), fields.count("label")

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Note the label."""
        self._label[slot] = getattr(spec, "label", None) or 0

    def recondition(self, slot: int, spec: LaneSpec) -> None:
        """Discard what was read about the old label."""
        self._reached[slot] = 0
        self.admit(slot, spec)

    def renew(self, slot: int, evidence: Evidence) -> None:
        """Discard what was read on the way that new noise has led the lane off."""
        self._reached[slot] = 0

    def wants(self, name: str, slots: Slots, t: Floats) -> Flags:
        """Which of these lanes, about to be evaluated at ``t [n]``, are to be read there."""
        due: Flags = _reached(t) > self._reached[slots]
        return due

    def observe(self, step: Step) -> None:
        """Keep the larger margin of the readings that count, before them the one that foretells."""
        logits, where = step.evidence("logits"), step.where
        own = to_device(self._label[step.slots], logits.device)[:, None]
        others = logits.scatter(1, own, -torch.inf).amax(1)
        margin = others - logits.gather(1, own)[:, 0]
        again = to_device(self._reached[step.slots] >= COUNTING, margin.device)
        larger = torch.maximum(self._margin[where], margin)
        self._margin[where] = torch.where(again, larger, margin)
        self._reached[step.slots] = _reached(step.t)

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The margin; NaN before the lane was read for it."""
        return self._from(COUNTING, slots, where)

    def foreseen(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The margin so far, or until there is one that which foretells it."""
        return self._from(1, slots, where)

    def _from(self, reached: int, slots: Slots, where: Index) -> Tensor:
        """The margin of lanes that have reached so many times of reading, NaN of others."""
        margin = self._margin[where].double()
        known = to_device(self._reached[slots] >= reached, margin.device)
        return torch.where(known, margin, torch.nan)


def _reached(t: Floats) -> Integers:
    """How many of the times of reading have come at times ``t [n]``."""
    return np.searchsorted(np.array(TIMES) - ROUNDING, t, side="right")
