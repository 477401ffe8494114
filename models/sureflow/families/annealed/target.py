"""A target: a density known up to a constant, its reference, and the bounds of its components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from sureflow.core.card import Condition
from sureflow.core.process import Reply

Bound = tuple[float | None, float | None]
"""Least and largest value of a component; ``None`` where there is no bound."""


class Target(nn.Module):
    """A log density on ``R^d``, with the normal reference from which sampling begins.

    A component with bounds is sampled by an unbounded coordinate ``z``: ``x = low + exp(z)``, ``x =
    high - exp(z)`` or ``x = low + (high - low) sigmoid(z)``, whose log Jacobian is added. The
    reference is that of these coordinates.

    Args:
        energy: A module whose ``forward(x, **conditions)`` maps ``x [n, d]`` to the log density
            ``[n]``, up to a constant, differentiable by torch. A row must not depend on others.
            Conditions, if it has an attribute of that name that describes them, are ``[n, ...]``.
        dimension: ``d``.
        mean: Mean of the reference, a number or ``d`` of them.
        scale: Its standard deviations, likewise.
        bounds: Bounds by number of the component.

    Raises:
        ValueError: An argument does not fit; begins with its name.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        energy: nn.Module,
        dimension: int,
        mean: float | Sequence[float] = 0.0,
        scale: float | Sequence[float] = 1.0,
        bounds: Mapping[str, Sequence[float | None]] | None = None,
    ) -> None:
        super().__init__()
        self.energy, self.dimension = energy, _whole("dimension", dimension)
        for name, value in (("mean", mean), ("scale", scale)):
            given = torch.as_tensor(value, dtype=torch.float64, device="cpu")
            if given.shape not in ((), (dimension,)) or not given.isfinite().all():
                raise ValueError(f"{name}: is neither a number nor {dimension} of them")
            self.register_buffer(name, given.expand(dimension).clone(), persistent=False)
        if not (self.scale > 0).all():
            raise ValueError("scale: should be above 0")
        self.bounds = _bounds(bounds or {}, dimension)
        self.conditions: dict[str, Condition] = dict(getattr(energy, "conditions", {}))

    def evaluate(self, z: Tensor, **conditions: Tensor) -> Reply:
        """``log_density [n]`` and its ``gradient [n, d]`` at ``z [n, d]``, both in float64.

        What is not finite comes back as it is.
        """
        with torch.inference_mode(False), torch.enable_grad():
            at = z.detach().clone().requires_grad_()
            given = {name: value.clone() for name, value in conditions.items()}
            x, log_jacobian = self.bounded(at)
            density = self.energy(x.to(self._dtype), **given)
            if density.shape != (len(z),):
                shape = list(density.shape)
                raise ValueError(f"the log density of {len(z)} rows has shape {shape}")
            found = density.double() + log_jacobian
            (gradient,) = torch.autograd.grad(found.sum(), at)
        return {"log_density": found.detach(), "gradient": gradient}

    def bounded(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The components ``x [n, d]`` at coordinates ``z [n, d]``, and the log Jacobian ``[n]``."""
        log_jacobian = z.new_zeros(len(z))
        if not self.bounds:
            return z, log_jacobian
        columns = [*z.unbind(1)]
        for number, (low, high) in self.bounds.items():
            own = columns[number]
            if low is not None and high is not None:
                columns[number] = low + (high - low) * own.sigmoid()
                width = torch.log(torch.tensor(high - low, dtype=z.dtype))
                log_jacobian = log_jacobian + logsigmoid(own) + logsigmoid(-own) + width
            else:
                columns[number] = low + own.exp() if low is not None else high - own.exp()  # type: ignore[operator]
                log_jacobian = log_jacobian + own
        return torch.stack(columns, 1), log_jacobian

    def unbounded(self, x: Tensor) -> Tensor:
        """The coordinates ``[n, d]`` of components ``x [n, d]`` within their bounds."""
        columns = [*x.unbind(1)]
        for number, (low, high) in self.bounds.items():
            own = columns[number]
            if low is not None and high is not None:
                columns[number] = torch.logit((own - low) / (high - low))
            else:
                columns[number] = torch.log(own - low if low is not None else high - own)  # type: ignore[operator]
        return torch.stack(columns, 1)

    @property
    def _dtype(self) -> torch.dtype:
        """The type in which the energy computes: that of its first floating tensor."""
        tensors = (*self.energy.parameters(), *self.energy.buffers())
        return next((z.dtype for z in tensors if z.is_floating_point()), torch.float64)


def _whole(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}: {value!r} is no number from 1 on")
    return value


def _bounds(written: Mapping[str, Any], dimension: int) -> dict[int, Bound]:
    found: dict[int, Bound] = {}
    for name, ends in written.items():
        number = int(name) if str(name).isdecimal() else dimension
        numbers = isinstance(ends, list | tuple) and len(ends) == 2
        if number >= dimension or not numbers:
            raise ValueError(f"bounds: {name!r}: {ends!r} is no component with two ends")
        low, high = (None if end is None else float(end) for end in ends)
        if low is not None and high is not None and not low < high:
            raise ValueError(f"bounds: {name!r}: {low} is not below {high}")
        if low is not None or high is not None:
            found[number] = low, high
    return found
