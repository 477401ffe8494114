"""The state of all lanes in flight: a struct of arrays, one slot per lane."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sureflow.lane import MAX_STEPS, METHODS, LaneSpec
from sureflow.sampling.noise import Purpose, normal
from sureflow.sampling.tableau import STAGES


class Lanes:
    """Fixed-capacity arrays on the device; a lane is one index into all of them.

    Times and step sizes are float64: they are cheap, and sums of them must not drift.

    Attributes:
        x: State at the start of the current step, ``[capacity, *shape]``.
        k: Stage velocities of the current step, one array ``[capacity, *shape]`` per stage.
        t: Time at the start of the current step.
        h: Size of the current step.
        stage: Stage to evaluate next.
        step: Steps completed.
        steps: Steps asked for.
        method: Index into :data:`~sureflow.lane.METHODS`.
        label: Class, or the null label.
        guidance: Guidance scale; 1 where there is no condition.
        map: ``int Sigma dt`` so far, per component.
        times: Start time of each step, ``[capacity, MAX_STEPS]``.
        rates: ``tr Sigma`` there.
        evaluations: Network rows spent.
    """

    def __init__(self, capacity: int, shape: Sequence[int], device: torch.device) -> None:
        def array(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(capacity, *shape, dtype=dtype, device=device)

        self.capacity = capacity
        self.shape = tuple(shape)
        self.x = array(*shape)
        self.k = [array(*shape) for _ in range(STAGES)]
        self.t = array(dtype=torch.float64)
        self.h = array(dtype=torch.float64)
        self.stage = array(dtype=torch.int64)
        self.step = array(dtype=torch.int64)
        self.steps = array(dtype=torch.int64)
        self.method = array(dtype=torch.int64)
        self.label = array(dtype=torch.int64)
        self.guidance = array()
        self.map = array(*shape)
        self.times = array(MAX_STEPS)
        self.rates = array(MAX_STEPS)
        self.evaluations = array(dtype=torch.int64)

    def admit(self, slot: int, spec: LaneSpec, null_label: int) -> None:
        """Put a fresh lane at ``(noise, t = 0)`` into a slot, over whatever was there."""
        self.x[slot] = normal(self.shape, spec.seed, spec.index, Purpose.START)
        for zeroed in (self.t, self.stage, self.step, self.map, self.evaluations):
            zeroed[slot] = 0
        self.steps[slot] = spec.steps
        self.h[slot] = 1 / spec.steps
        self.method[slot] = METHODS.index(spec.method)
        self.label[slot] = null_label if spec.label is None else spec.label
        self.guidance[slot] = 1 if spec.label is None else spec.guidance
