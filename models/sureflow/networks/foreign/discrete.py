"""Variance-preserving diffusion in discrete steps."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Annotated, Literal

import torch
from pydantic import Field, PrivateAttr, model_validator
from torch import Tensor

from sureflow.networks.foreign.path import UnitVariancePath

MOST_STEPS = 100_000

SNAP = 1e-3
"""A step this close to a whole one counts as that one: the difference is rounding."""

LEAST = 1e-12
"""Smallest ``alpha^2`` at the first step but for zero terminal signal."""

Beta = Annotated[float, Field(ge=0, le=1)]


class DiscretePath(UnitVariancePath):
    """``X = sqrt(a_k) x1 + sqrt(1 - a_k) x0``, ``a_k`` the product of ``1 - beta_0 .. 1 - beta_k``.

    Between two steps the logarithm of ``sigma / alpha`` is linear in ``k`` (DDPM, Ho et al., 2020;
    DDIM, Song et al., 2021).

    Attributes:
        betas: Their schedule by name, or all of them. ``linear`` from ``first_beta`` to
            ``last_beta``; ``scaled_linear``, whose square roots are linear; ``cosine`` (Nichol and
            Dhariwal, 2021); ``sigmoid`` between the two (GeoDiff).
        steps: Number of steps, for a schedule by name.
        zero_snr: Whether the schedule was rescaled so that the first step is pure noise (Lin et
            al., Common Diffusion Noise Schedules and Sample Steps are Flawed, 2023, algorithm 1).
    """

    kind: Literal["discrete"] = "discrete"
    betas: (
        Literal["linear", "scaled_linear", "cosine", "sigmoid"]
        | Annotated[list[Beta], Field(min_length=2, max_length=MOST_STEPS)]
    ) = "linear"
    first_beta: Beta = Field(1e-4, alias="first")
    last_beta: Beta = Field(0.02, alias="last")
    steps: Annotated[int, Field(ge=2, le=MOST_STEPS)] = 1000
    zero_snr: bool = False

    _tables: dict[torch.device, Tensor] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _descends(self) -> DiscretePath:
        found = self.signals
        if not (found.diff() < 0).all() or (found[-1] <= LEAST and not self.zero_snr):
            raise ValueError("betas should leave less signal at every step, and some at the last")
        return self

    @cached_property
    def signals(self) -> Tensor:
        """``alpha^2`` by step, ``[steps]``."""
        signals = torch.cumprod(1 - self._betas(), 0)
        if not self.zero_snr:
            return signals
        alpha = signals.sqrt()
        alpha = (alpha - alpha[-1]) * alpha[0] / (alpha[0] - alpha[-1])
        return alpha.square()

    @cached_property
    def noise_shares(self) -> Tensor:
        """Share of noise by step, ascending."""
        alpha, sigma = self.signals.sqrt(), (1 - self.signals).sqrt()
        return sigma / (alpha + sigma)

    def _betas(self) -> Tensor:
        if not isinstance(self.betas, str):
            return torch.tensor(self.betas, dtype=torch.float64)
        count, first, last = self.steps, self.first_beta, self.last_beta
        ramp = torch.linspace(0, 1, count, dtype=torch.float64)
        if self.betas == "linear":
            return first + ramp * (last - first)
        if self.betas == "scaled_linear":
            return (math.sqrt(first) + ramp * (math.sqrt(last) - math.sqrt(first))).square()
        if self.betas == "sigmoid":
            return torch.sigmoid(12 * ramp - 6) * (last - first) + first
        ends = torch.arange(count + 1, dtype=torch.float64) / count
        bars = torch.cos((ends + 0.008) / 1.008 * math.pi / 2).square()
        return (1 - bars[1:] / bars[:-1]).clamp(max=0.999)

    @property
    def first(self) -> float:
        """The share at the last of the training steps, where sampling begins."""
        return float(self.noise_shares[-1])

    @property
    def last(self) -> float:
        """The share at step 0."""
        return float(self.noise_shares[0])

    def step(self, share: Tensor) -> Tensor:
        """The index of the step, between whole ones where the share is."""
        table = self._table(share.device)
        wanted = _level(share)
        after = torch.searchsorted(table, wanted.contiguous()).clamp(1, len(table) - 1)
        low, high = table[after - 1], table[after]
        index = after - 1 + ((wanted - low) / (high - low)).clamp(0, 1)
        near = index.round()
        return torch.where((index - near).abs() < SNAP, near, index)

    def clock(self, share: Tensor) -> Tensor:
        """The part of all steps that is done."""
        return 1 - self.step(share) / (len(self.signals) - 1)

    def share(self, t: Tensor) -> Tensor:
        """Between two steps on the line of the logarithm."""
        return self._at((1 - t) * (len(self.signals) - 1))

    def schedule(self, steps: int) -> Tensor:
        """Whole steps, as long as there are enough of them."""
        count = len(self.signals)
        index = torch.arange(steps, dtype=torch.float64)
        if self.spacing == "trailing" and steps <= count:
            at = count * (1 - index / steps) - 1
        else:
            at = (count - 1) * (1 - index / max(steps - 1, 1))
        return self._at(at.round() if steps <= count else at)

    def _at(self, step: Tensor) -> Tensor:
        table = self._table(step.device)
        before = step.floor().long().clamp(0, len(table) - 2)
        level = torch.lerp(table[before], table[before + 1], step - before)
        whole = step == step.round()
        shares = self.noise_shares.to(step.device)
        exact = shares[step.round().long().clamp(0, len(table) - 1)]
        return torch.where(whole, exact, torch.sigmoid(level))

    def _table(self, device: torch.device) -> Tensor:
        """``log(sigma / alpha)`` by step, ascending."""
        if device not in self._tables:
            self._tables[device] = _level(self.noise_shares).to(device)
        return self._tables[device]


def _level(share: Tensor) -> Tensor:
    """``log(sigma / alpha)``, finite also for pure noise."""
    return torch.logit(share, eps=1e-15)
