"""The score ``class_margin``: does the network see the class that was asked for?"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Floats, Index, Integers, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.score import Evidence, Fields, Step
from sureflow.core.transfer import to_device
from sureflow.families.flow.scores.adherence import ROUNDING, ConditionEvidence

READ = 0.7
"""Time from which a lane is read, at its first evaluation. Later the activations say less of the
class, earlier the state does; of 0.5, 0.6, 0.7 and 0.8 it and the last were best on digits."""


class ClassMargin(ConditionEvidence):
    """``max_k log p(k) - log p(y)`` over the other classes k, at ``t = 0.7``, for the label y.

    The probabilities are those of a :class:`~sureflow.networks.classifier.Classifier`, which reads
    the activations of the network at the lane's state without the label. Before, the cosine of
    adherence early on the path foretells it, as in
    :class:`~sureflow.families.flow.scores.adherence.AdherenceContrast`. A lane without an
    evaluation from then on has no score.
    """

    TIMES = (0.15,)

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._margin = fields.tensor("margin")
        self._read, self._label = fields.flag("read"), fields.count("label")

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Note the label."""
        self._label[slot] = getattr(spec, "label", None) or 0

    def recondition(self, slot: int, spec: LaneSpec) -> None:
        """Discard the answers about the old label."""
        super().recondition(slot, spec)
        self._read[slot] = False
        self.admit(slot, spec)

    def wants(self, name: str, slots: Slots, t: Floats) -> Flags:
        """Which of these lanes, about to be evaluated at ``t [n]``, ask there."""
        late = t >= READ - ROUNDING
        due: Flags = np.where(late, ~self._read[slots], super().wants(name, slots, t))
        return due

    def observe(self, step: Step) -> None:
        """Store the two velocities early, and the margin late."""
        late = step.t >= READ - ROUNDING
        if not late.all():
            super().observe(_part(step, np.flatnonzero(~late)))
        if late.any():
            self._observe_classes(_part(step, np.flatnonzero(late)))

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The margin; NaN before the lane was read."""
        margin = self._margin[where].double()
        return torch.where(to_device(self._read[slots], margin.device), margin, torch.nan)

    def foreseen(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """The margin, or the early cosine until there is one."""
        found = self.values(slots, where, evidence)
        return torch.where(found.isnan(), self.cosine(slots, where, evidence("end"), 0), found)

    def _observe_classes(self, step: Step) -> None:
        logits = step.evidence("logits")
        own = to_device(self._label[step.slots], logits.device)[:, None]
        others = logits.scatter(1, own, -torch.inf).amax(1)
        self._margin[step.where] = others - logits.gather(1, own)[:, 0]
        self._read[step.slots] = True


def _part(step: Step, chosen: Integers) -> Step:
    """The step of some of its lanes."""
    if len(chosen) == len(step.slots):
        return step

    def evidence(name: str) -> Tensor:
        found: Tensor = step.evidence(name)
        return found[to_device(chosen, found.device)]

    return Step(step.slots[chosen], step.t[chosen], step.weight[chosen], evidence, step.index)
