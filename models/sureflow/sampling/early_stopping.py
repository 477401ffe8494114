"""Early stopping: ends lanes that will not reach the confidence that their spec asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sureflow.core.arrays import Floats, Slots
from sureflow.core.engine import EarlyRule
from sureflow.core.lane import LaneSpec
from sureflow.core.lanes import Lanes


class EarlyStopping:
    """Abandons lanes by what foretells their scores, by a rule for each. Others cost nothing."""

    def __init__(self, lanes: Lanes, early: Mapping[str, EarlyRule]) -> None:
        self._lanes, self._early = lanes, early
        self._specs: dict[int, LaneSpec] = {}

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Start a lane in a slot, or continue it with another spec."""
        self._specs.pop(slot, None)
        if self._lanes.listener or (spec.early and spec.scores[0] in self._early):
            self._specs[slot] = spec

    def foretold(
        self, score: str, slots: Slots, specs: Sequence[LaneSpec], known: Floats
    ) -> Floats:
        """What foretells a score of lanes by its rule, from their statistics ``[n, m]``; ``[n]``.

        NaN where there is no rule, or it tells nothing.
        """
        rule, times = self._early.get(score), self._lanes.t[slots].tolist()
        if rule is None:
            return np.full(len(slots), np.nan)
        lanes = zip(known, times, specs, strict=True)
        return np.array([rule.foretold(values, t, spec) for values, t, spec in lanes])

    def check(self, slots: Slots) -> None:
        """Mark lanes as abandoned that should stop; each is at the start of a step."""
        if not self._specs:
            return
        by_score: dict[str, list[int]] = {}
        for slot in slots.tolist():
            if slot in self._specs:
                by_score.setdefault(self._specs[slot].scores[0], []).append(slot)
        for score, chosen in by_score.items():
            known = self._lanes.statistics(score, np.array(chosen))
            for slot, values in zip(chosen, known, strict=True):
                spec, t = self._specs[slot], float(self._lanes.t[slot])
                if self._lanes.listener:
                    self._lanes.listener(slot, t, values)
                elif spec.early and t > 0:
                    stop = self._early[score].should_stop(values, t, spec, spec.early)
                    self._lanes.abandoned[slot] = stop
