"""Scores: numbers per lane, accumulated over its steps from evidence by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
from torch import Tensor

from sureflow.core.arrays import Flags, Floats, Index, Slots
from sureflow.core.fields import Fields as Fields
from sureflow.core.lane import LaneSpec
from sureflow.core.path import factors

Evidence = Callable[[str], Any]
"""Returns the evidence of some lanes by name. A score looks up only what it needs."""

Part: TypeAlias = Flags | slice
"""A selection of some lanes, as an index into arrays with an entry per lane."""

EVERY = slice(None)
"""The selection of all of them."""


@dataclass(frozen=True, slots=True)
class Step:
    """The evidence of one evaluation of each of ``n`` lanes, or of the beginning of their steps.

    Attributes:
        slots: The lanes, ``[n]``.
        t: Progress of the lanes at the evaluation, ``[n]``.
        weight: Weight of the evaluation in an integral over time, ``[n]``: that of the solver's
            own quadrature, which may be negative. At the beginning of a step, the step's size.
        evidence: Evidence by name: tensors ``[n, ...]`` on the device, numbers ``[n]`` on the host.
        index: Makes an index on the device of slots.
    """

    slots: Slots
    t: Floats
    weight: Floats
    evidence: Evidence
    index: Callable[[Slots], Index]

    @property
    def where(self) -> Index:
        """The lanes as an index on the device."""
        return self.index(self.slots)

    def scaled(self, values: Tensor) -> Tensor:
        """``values [n, *shape]`` multiplied by their weights."""
        return values * factors(self.weight, values)


class Score(ABC):
    """Computes one score for all lanes that have it, in arrays with an entry per slot.

    A score reads evidence by name and knows neither the process nor other scores. The numbers of a
    lane depend on that lane alone: sums over components use
    :func:`~sureflow.moments.reduction.row_sums`, and everything else is elementwise. Its state of
    each lane is in arrays that it adds to ``fields``.

    Attributes:
        costly: Names of the evidence that costs rows of its own; see :meth:`wants`.
    """

    costly: ClassVar[tuple[str, ...]] = ()

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def admit(self, slot: int, spec: LaneSpec) -> None:  # noqa: B027
        """Prepare a slot, in which the score's arrays are zero, for a new lane."""

    def wants(self, name: str, slots: Slots, t: Floats) -> Flags:
        """Which of these lanes, about to be evaluated at ``t [n]``, need this costly evidence."""
        return np.ones(len(slots), np.bool_)

    def inputs(self, evidence: str, where: Index) -> Tensor:
        """Additional input of the rows for costly evidence, such as a direction, ``[n, ...]``."""
        raise NotImplementedError

    def observe(self, step: Step) -> None:  # noqa: B027
        """Read costly evidence that has arrived, whether or not the step will be kept."""

    def begin(self, step: Step) -> None:  # noqa: B027
        """Read the beginning of a step that is kept; called before :meth:`add`."""

    def add(self, step: Step) -> None:  # noqa: B027
        """Accumulate the evidence of an evaluation in a step that is kept."""

    def jump(self, slot: int, evidence: Evidence) -> None:  # noqa: B027
        """Account for a change of a lane's state that its own velocity has not made.

        The lane's start has moved by the same amount, so that start and velocities still add up to
        the state. Evidence is ``t``; ``moved``, the change of the state ``[*shape]``, which is zero
        where only the velocity is changed from here on; ``slope``, the value of ``grad log p_t`` at
        the state before, ``[*shape]``, or None if it is not known.
        """

    def renew(self, slot: int, evidence: Evidence) -> None:  # noqa: B027
        """Account for new noise of a lane, to which its whole path is moved; before :meth:`jump`.

        The velocities accumulated so far decrease by ``change``, and so does the target, the end
        of the path less its noise. Evidence is ``t``, ``state`` and ``start`` before it, and
        ``change``: new noise less old, ``[*shape]``.
        """

    def recondition(self, slot: int, spec: LaneSpec) -> None:  # noqa: B027
        """Account for a new condition of a lane."""

    @abstractmethod
    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """Score of lanes that end at the evidence ``end``, ``[n]``; larger is less sure.

        For a running lane ``end`` is the predicted end point, and sums accumulated so far are
        scaled to the whole path where that makes sense.
        """

    def foreseen(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        """What foretells the score of running lanes that are at one time, ``[n]``.

        Lanes are ranked by it, so that its unit may be another one. The arguments are as in
        :meth:`values`; NaN where nothing is known yet.
        """
        return self.values(slots, where, evidence)
