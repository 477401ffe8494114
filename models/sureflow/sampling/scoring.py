"""The scores of lanes in flight: who asks for which, and what is handed to them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Floats, Integers, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.lanes import Lanes
from sureflow.core.path import broadcast
from sureflow.core.score import EVERY, Evidence, Part, Score, Step
from sureflow.core.transfer import to_device, to_host


class ScoreFields:
    """Adds fields to lanes under a score's name, kept in the frames of the lanes that ask for it.

    Args:
        lanes: The lanes.
        name: Of the score.

    Attributes:
        members: Which slots hold lanes that ask for it, ``[capacity]``.
        names: Of the fields.
    """

    def __init__(self, lanes: Lanes, name: str) -> None:
        self._lanes = lanes
        self._prefix = f"score.{name}."
        self.members = np.zeros(lanes.capacity, np.bool_)
        self.names: list[str] = []

    def tensor(self, name: str, *shape: int) -> Tensor:
        """An array on the device, ``[capacity, *shape]``, float32."""
        self.names.append(self._prefix + name)
        return self._lanes.tensor(self.names[-1], shape, when=self._gathers)

    def number(self, name: str) -> Floats:
        """A number in host memory, ``[capacity]``."""
        self.names.append(self._prefix + name)
        return self._lanes.number(self.names[-1], when=self._gathers)

    def count(self, name: str) -> Integers:
        """A whole number in host memory, ``[capacity]``."""
        self.names.append(self._prefix + name)
        return self._lanes.count(self.names[-1], when=self._gathers)

    def flag(self, name: str) -> Flags:
        """A flag in host memory, ``[capacity]``."""
        self.names.append(self._prefix + name)
        return self._lanes.flag(self.names[-1], when=self._gathers)

    def _gathers(self, slot: int) -> bool:
        return bool(self.members[slot])


class Scoring:
    """All scores of all lanes; one that nobody has asked for takes no memory and no time.

    Args:
        lanes: The lanes in flight.
        shape: Of one sample.
        kinds: The class of a score, by its name.
    """

    def __init__(
        self, lanes: Lanes, shape: tuple[int, ...], kinds: Callable[[str], type[Score]]
    ) -> None:
        self._lanes = lanes
        self._shape = shape
        self._kinds = kinds
        self._scores: dict[str, tuple[Score, ScoreFields]] = {}
        self._costly: list[str] = []

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Follow the lane that has just been put into a slot by the scores of its spec."""
        for _, fields in self._scores.values():
            fields.members[slot] = False
        for name in spec.scores:
            score, fields = self._made(name)
            fields.members[slot] = True
            score.admit(slot, spec)

    def complete_in(self, names: Container[str], scores: tuple[str, ...]) -> bool:
        """Whether all that these scores keep of a lane is among the names of a frame's arrays."""
        return all(name in names for score in scores for name in self._made(score)[1].names)

    def wants(self, evidence: str, slots: Slots, t: Floats) -> Flags | None:
        """Which of these lanes need evidence that costs rows of its own; None: none does."""
        if evidence not in self._costly:
            return None
        wanted = np.zeros(len(slots), np.bool_)
        for score, fields in self._scores.values():
            if evidence in score.costly and (part := fields.members[slots]).any():
                wanted[part] |= score.wants(evidence, slots[part], t[part])
        return wanted if wanted.any() else None

    def inputs(self, evidence: str, slots: Slots) -> Tensor:
        """What costly evidence of these lanes is asked with; see :meth:`Score.inputs`.

        Of several scores of a lane that want it, the first one by name says.

        Args:
            evidence: Its name.
            slots: The lanes, ``[n]``, in any order and perhaps several times, all of which some
                score wants it of.
        """
        where, asked = to_device(slots, self._lanes.device), None
        for _, (score, fields) in sorted(self._scores.items(), reverse=True):
            part = fields.members[slots]
            if evidence in score.costly and part.any():
                own = score.inputs(evidence, where)
                chosen = broadcast(to_device(part, own.device), own)
                asked = own if asked is None else torch.where(chosen, own, asked)
        assert asked is not None
        return asked

    def observe(self, evidence: str, slots: Slots, t: Floats, found: Mapping[str, Any]) -> None:
        """Hand costly evidence to the scores that want it, whether or not the step is kept.

        Args:
            evidence: Its name.
            slots: The lanes that were evaluated, ``[n]``, all of which somebody wants it of.
            t: When, ``[n]``.
            found: What came, by name, with a row for each of the lanes.
        """
        for score, fields in self._scores.values():
            if evidence not in score.costly:
                continue
            chosen = np.flatnonzero(fields.members[slots])
            chosen = chosen[score.wants(evidence, slots[chosen], t[chosen])]
            if len(chosen):
                part = slots[chosen]
                where = self._lanes.index(part)
                score.observe(Step(part, where, t[chosen], t[chosen], _chosen(found, chosen)))

    def begin(self, slots: Slots, t: Floats, h: Floats, evidence: Callable[..., Evidence]) -> None:
        """Steps of these lanes are kept that began at ``t [n]`` and are of size ``h [n]``.

        Args:
            slots: The lanes, ``[n]``.
            t: When the steps began.
            h: Their sizes.
            evidence: ``(part, slots, where)`` -> what is known of some of them.
        """
        for score, part, chosen in self._of(slots):
            where = self._lanes.index(chosen)
            score.begin(Step(chosen, where, t[part], h[part], evidence(part, chosen, where)))

    def add(
        self, slots: Slots, t: Floats, weight: Floats, evidence: Callable[..., Evidence]
    ) -> None:
        """Evaluations of these lanes are kept; the arguments are as in :meth:`begin`."""
        for score, part, chosen in self._of(slots):
            where = self._lanes.index(chosen)
            score.add(Step(chosen, where, t[part], weight[part], evidence(part, chosen, where)))

    def jump(self, slot: int, evidence: Evidence) -> None:
        """A lane has been put elsewhere; see :meth:`Score.jump`."""
        for score, _, _ in self._of(np.array([slot])):
            score.jump(slot, evidence)

    def renew(self, slot: int, evidence: Evidence) -> None:
        """A lane's noise is another; see :meth:`Score.renew`."""
        for score, _, _ in self._of(np.array([slot])):
            score.renew(slot, evidence)

    def recondition(self, slot: int, spec: LaneSpec) -> None:
        """A lane is a sample of something else from here on; see :meth:`Score.recondition`."""
        for score, _, _ in self._of(np.array([slot])):
            score.recondition(slot, spec)

    def values(self, name: str, slots: Slots, evidence: Evidence) -> Floats:
        """One score of lanes that are followed by it; see :meth:`Score.values`."""
        score, _ = self._scores[name]
        return to_host(score.values(slots, self._lanes.index(slots), evidence)).astype(np.float64)

    def _made(self, name: str) -> tuple[Score, ScoreFields]:
        if name not in self._scores:
            fields = ScoreFields(self._lanes, name)
            score = self._kinds(name)(fields, self._shape)
            self._scores[name] = score, fields
            self._costly += score.costly
        return self._scores[name]

    def _of(self, slots: Slots) -> Iterator[tuple[Score, Part, Slots]]:
        """The scores that any of these lanes asks for, which of them do, and these."""
        for score, fields in self._scores.values():
            part = fields.members[slots]
            if part.all():
                yield score, EVERY, slots
            elif part.any():
                yield score, part, slots[part]


def _chosen(found: Mapping[str, Any], chosen: Slots) -> Evidence:
    return lambda name: found[name][chosen]
