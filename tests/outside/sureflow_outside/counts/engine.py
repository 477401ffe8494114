"""The mathematics of births and deaths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sureflow.core.arrays import Flags, Index, Slots
from sureflow.core.engine import EarlyRule, Engine, Head
from sureflow.core.lane import LaneSpec
from sureflow.core.lanes import Lanes
from sureflow.core.process import Outcome, Process, Query, Reply
from sureflow.core.score import Evidence, Fields, Score, Step
from sureflow.core.transfer import to_host
from sureflow.sampling.scoring import Scoring
from sureflow_outside.counts import MAX_STEPS, CountSpec, draws


class Rates(nn.Module):
    """Births at a constant rate, deaths in proportion to the count; both ``[d]`` per unit time."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.ones(size))
        self.birth = nn.Parameter(torch.ones(size))
        self.death = nn.Parameter(torch.ones(size))

    def forward(self, n: Tensor) -> Reply:
        return {"birth": self.birth.expand(n.shape), "death": self.death * n}


class Activity(Score):
    """Births and deaths that were to be expected."""

    def __init__(self, fields: Fields, shape: tuple[int, ...]) -> None:
        super().__init__(fields, shape)
        self._events = fields.number("events")

    def admit(self, slot: int, spec: LaneSpec) -> None:
        self._events[slot] = 0

    def add(self, step: Step) -> None:
        self._events[step.slots] += step.weight * step.evidence("rate")

    def values(self, slots: Slots, where: Index, evidence: Evidence) -> Tensor:
        return torch.from_numpy(self._events[slots])


class Leaps:
    """Tau-leaping: in each step births are Poisson and deaths binomial, by the rates before it."""

    def __init__(self, lanes: Lanes, start: Tensor) -> None:
        self.lanes = lanes
        self._start = start.numpy().astype(np.float64)
        self._counts = lanes.tensor("counts", *start.shape, dtype="i8", space="counts")
        self._scoring = Scoring(lanes, tuple(start.shape), lambda name: Activity)
        self._specs: dict[int, CountSpec] = {}

    def admit(self, slot: int, spec: CountSpec) -> None:
        self.lanes.clear(slot)
        self._specs[slot] = spec
        self._scoring.admit(slot, spec)
        self._counts[slot] = torch.from_numpy(draws(spec, 0).poisson(self._start))

    def ask(self, slots: Slots) -> list[Query]:
        return [Query("rates", {"n": self._counts[self.lanes.index(slots)].float()})]

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        lanes, steps = self.lanes, np.array([self._specs[slot].steps for slot in slots.tolist()])
        birth, death = (to_host(replies[0][name]).astype(np.float64) for name in ("birth", "death"))
        rate = (birth + death).sum(1)
        step = lanes.step[slots]
        lanes.times[slots, step], lanes.rates[slots, step] = lanes.t[slots], rate
        self._scoring.add(
            slots, lanes.t[slots], 1 / steps, lambda part, *_: lambda name: rate[part]
        )
        for row, slot in enumerate(slots.tolist()):
            n, draw = self._counts[slot].numpy(), draws(self._specs[slot], int(step[row]) + 1)
            each = np.divide(death[row], n, out=np.zeros_like(death[row]), where=n > 0)
            died = draw.binomial(n, -np.expm1(-each / steps[row]))
            self._counts[slot] = torch.from_numpy(n + draw.poisson(birth[row] / steps[row]) - died)
        lanes.evaluations[slots] += 1
        lanes.step[slots] = step + 1
        lanes.t[slots] = (step + 1) / steps
        return step + 1 == steps, ~np.isfinite(rate)

    def end(self, slot: int, spec: LaneSpec) -> Outcome:
        lanes, step = self.lanes, int(self.lanes.step[slot])
        alone = np.array([slot])
        scores = {
            name: float(self._scoring.values(name, alone, lambda name: None)[0])
            for name in spec.scores
        }
        return Outcome(
            data=self._counts[slot].numpy().astype(np.float32),
            t=lanes.times[slot, :step].copy(),
            rate=lanes.rates[slot, :step].copy(),
            finish_reason="converged",
            accepted=step,
            rejected=0,
            evaluations=int(lanes.evaluations[slot]),
            scores=scores,
        )

    def release(self, slot: int) -> None:
        del self._specs[slot]


class CountPhases:
    """There is but one process."""

    def __init__(self, lanes: Lanes, start: Tensor) -> None:
        self.lanes = lanes
        self._leaps = Leaps(lanes, start)

    def processes(self, slot: int, spec: LaneSpec, deadline: float) -> Iterator[Process]:
        assert isinstance(spec, CountSpec)
        self._leaps.admit(slot, spec)
        yield self._leaps


class CountEngine(Engine):
    """Populations on a CPU."""

    main = "rates"

    @classmethod
    def build(cls, config: Mapping[str, Any]) -> nn.Module:
        return Rates(int(config["size"]))

    @classmethod
    def facts(cls, network: Any, learned: Mapping[str, Any]) -> dict[str, Any]:
        return {"shape": tuple(network.start.shape), "differentiable": False}

    def heads(self) -> Mapping[str, Head]:
        network = self.model.network

        def example(count: int) -> dict[str, Tensor]:
            first = torch.arange(count)[:, None]
            return {"n": (first + torch.arange(len(network.start))).float()}

        return {"rates": Head(lambda n: network(n), example)}

    def phases(self, capacity: int, early: Mapping[str, EarlyRule]) -> CountPhases:
        lanes = Lanes(capacity, self.model.device, MAX_STEPS)
        return CountPhases(lanes, self.model.network.start)

    def check(self, spec: LaneSpec) -> None:
        if spec.origin is not None or spec.keep or spec.watch:
            raise ValueError("keep: populations cannot be taken up again")
