"""The scores of lanes in flight: which lane has which, and the evidence that they get."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Floats, Slots
from sureflow.core.fields import Array, Field, Fields
from sureflow.core.lane import LaneSpec
from sureflow.core.lanes import Lanes
from sureflow.core.path import broadcast
from sureflow.core.score import EVERY, Evidence, Part, Score, Step
from sureflow.core.transfer import to_device, to_host


class ScoreFields(Fields):
    """Adds the fields of a score to lanes. Frames include them for lanes that have the score.

    Attributes:
        members: Whether the lane in each slot has the score, ``[capacity]``.
        names: Names of the fields.
    """

    def __init__(self, lanes: Lanes, score: str) -> None:
        super().__init__(lanes.capacity, lanes.device)
        self._lanes, self._score = lanes, score
        self.members = np.zeros(lanes.capacity, np.bool_)
        self.names: list[str] = []

    def add(self, name: str, field: Field, array: Array) -> None:
        """Add a field with its array."""
        self.names.append(f"score.{self._score}.{name}")
        kept = replace(field, kept=lambda slot: bool(self.members[slot]))
        self._lanes.add(self.names[-1], kept, array)


class Scoring:
    """All scores of all lanes; ``kinds`` returns the class of a score by its name.

    A score that no lane has takes neither memory nor time.
    """

    def __init__(
        self, lanes: Lanes, shape: tuple[int, ...], kinds: Callable[[str], type[Score]]
    ) -> None:
        self._lanes, self._shape, self._kinds = lanes, shape, kinds
        self._scores: dict[str, tuple[Score, ScoreFields]] = {}
        self._costly: list[str] = []
        self._accumulating: list[tuple[Score, ScoreFields]] = []

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Start a new lane with the scores of its spec."""
        for _, fields in self._scores.values():
            fields.members[slot] = False
        for name in spec.scores:
            score, fields = self._made(name)
            fields.members[slot] = True
            for array in fields.names:
                self._lanes.arrays[array][slot] = 0
            score.admit(slot, spec)

    def complete_in(self, names: Container[str], scores: tuple[str, ...]) -> bool:
        """Whether the arrays of a frame, by name, include all fields of these scores."""
        return all(name in names for score in scores for name in self._made(score)[1].names)

    def wants(self, evidence: str, slots: Slots, t: Floats) -> Flags | None:
        """Which of these lanes need evidence that costs rows of its own; ``None`` if none does."""
        if evidence not in self._costly:
            return None
        wanted = np.zeros(len(slots), np.bool_)
        for score, fields in self._scores.values():
            if evidence in score.costly and (part := fields.members[slots]).any():
                wanted[part] |= score.wants(evidence, slots[part], t[part])
        return wanted if wanted.any() else None

    def inputs(self, evidence: str, slots: Slots) -> Tensor:
        """Additional inputs of rows for costly evidence; see :meth:`Score.inputs`.

        If several scores of a lane want it, the first one by name gives the inputs. The lanes
        ``[n]`` may be in any order and repeated; each has a score that wants the evidence.
        """
        where, inputs = to_device(slots, self._lanes.device), None
        for _, (score, fields) in sorted(self._scores.items(), reverse=True):
            part = fields.members[slots]
            if evidence in score.costly and part.any():
                own = score.inputs(evidence, where)
                chosen = broadcast(to_device(part, own.device), own)
                inputs = own if inputs is None else torch.where(chosen, own, inputs)
        assert inputs is not None
        return inputs

    def observe(self, evidence: str, slots: Slots, t: Floats, found: Mapping[str, Any]) -> None:
        """Pass costly evidence of evaluations, even of rejected steps, to the scores that want it.

        Each lane ``[n]`` has such a score; ``found`` has an entry per lane.
        """
        for score, fields in self._scores.values():
            if evidence not in score.costly:
                continue
            chosen = np.flatnonzero(fields.members[slots])
            chosen = chosen[score.wants(evidence, slots[chosen], t[chosen])]
            if len(chosen):
                part, times = slots[chosen], t[chosen]
                own = _chosen(found, chosen)
                score.observe(Step(part, times, times, own, self._lanes.index))

    def begin(self, slots: Slots, t: Floats, h: Floats, evidence: Callable[..., Evidence]) -> None:
        """Pass the beginnings of kept steps, at times ``t`` and of sizes ``h``, to the scores.

        ``evidence`` maps ``(part, slots)``, a part of the lanes, to their evidence.
        """
        for score, step in self._steps(slots, t, h, evidence):
            score.begin(step)

    def add(
        self, slots: Slots, t: Floats, weight: Floats, evidence: Callable[..., Evidence]
    ) -> None:
        """Pass evaluations of kept steps to the scores; the arguments are as in :meth:`begin`."""
        for score, step in self._steps(slots, t, weight, evidence):
            score.add(step)

    @property
    def accumulates(self) -> bool:
        """Whether a score of any lane has read steps; others have no need of :meth:`begin`."""
        return bool(self._accumulating)

    def of(self, slot: int) -> Iterator[Score]:
        """The scores of a lane."""
        return (score for score, fields in self._scores.values() if fields.members[slot])

    def values(self, name: str, slots: Slots, evidence: Evidence) -> Floats:
        """Values of one score for lanes that have it; see :meth:`Score.values`."""
        score, _ = self._scores[name]
        return to_host(score.values(slots, self._lanes.index(slots), evidence)).astype(np.float64)

    def foreseen(self, name: str, slots: Slots, evidence: Evidence) -> Floats:
        """What foretells one score of lanes that have it; see :meth:`Score.foreseen`."""
        score, _ = self._scores[name]
        foreseen = score.foreseen(slots, self._lanes.index(slots), evidence)
        return to_host(foreseen).astype(np.float64)

    def _made(self, name: str) -> tuple[Score, ScoreFields]:
        if name not in self._scores:
            fields = ScoreFields(self._lanes, name)
            score = self._kinds(name)(fields, self._shape)
            self._scores[name] = score, fields
            if type(score).begin is not Score.begin or type(score).add is not Score.add:
                self._accumulating.append((score, fields))
            self._costly += score.costly
        return self._scores[name]

    def _steps(
        self, slots: Slots, t: Floats, weight: Floats, evidence: Callable[..., Evidence]
    ) -> Iterator[tuple[Score, Step]]:
        """Each score of steps that any of these lanes has, with the steps of those that have it."""
        for score, fields in self._accumulating:
            members = fields.members[slots]
            count = np.count_nonzero(members)
            if not count:
                continue
            part: Part = members if count < len(slots) else EVERY
            chosen = slots[part]
            own = evidence(part, chosen)
            yield score, Step(chosen, t[part], weight[part], own, self._lanes.index)


def _chosen(found: Mapping[str, Any], chosen: Slots) -> Evidence:
    return lambda name: found[name][chosen]
