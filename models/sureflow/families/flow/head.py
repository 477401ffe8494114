"""The heads of a velocity network: the velocity, and its derivative along a direction."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from sureflow.core.card import Condition
from sureflow.core.draw import Purpose, normal, signs
from sureflow.core.engine import Head
from sureflow.core.process import Reply
from sureflow.families.flow.directional import ROW_COUNTS, derivative, tangent
from sureflow.moments.reduction import row_sums
from sureflow.networks import VelocityNetwork

TIMES = (0.0, 1.0, 0.5, 0.25, 0.75, 0.125, 0.625, 0.375, 0.875)
"""Times of the example rows. They include both ends, where solvers evaluate too."""


def velocity(
    network: VelocityNetwork,
    conditions: Mapping[str, Condition],
    shape: tuple[int, ...] | None = None,
) -> Head:
    """Head that answers ``velocity`` and ``variance`` for ``x [n, *shape]``, ``t``, ``label [n]``.

    If the network has a probe, the head also answers its ``reading``; with a foresight, what is
    ``foreseen``; with a Laplace approximation, its ``ignorance``. The shape is by default the
    network's own.
    """

    def moments(x: Tensor, t: Tensor, label: Tensor, **given: Tensor) -> Reply:
        out = network.moments(x, t, label, **given)
        assert out.variance is not None
        answers = {"velocity": out.mean, "variance": out.variance}
        read = {"reading": out.reading, "foreseen": out.foreseen, "ignorance": out.ignorance}
        return answers | {name: found for name, found in read.items() if found is not None}

    return Head(moments, example(network, conditions, shape))


def classes(network: VelocityNetwork, shape: tuple[int, ...] | None = None) -> Head:
    """Head that answers ``logits`` of the classifier for ``x [n, *shape]``, ``t [n]``.

    The network, which is evaluated once, is not told the class.
    """
    classifier, plain = network.classifier, example(network, {}, shape)
    assert classifier is not None

    def logits(x: Tensor, t: Tensor) -> Reply:
        return {"logits": classifier(network.told_nothing(x, t), x, t)}

    def rows(count: int) -> dict[str, Tensor]:
        return {name: z for name, z in plain(count).items() if name in ("x", "t")}

    return Head(logits, rows)


def jvp(
    network: VelocityNetwork,
    conditions: Mapping[str, Condition],
    shape: tuple[int, ...] | None = None,
) -> Head:
    """Head that answers ``slope``, ``z . (J z)`` with ``J = dv/dx``, for signs ``z``.

    The signs are the input ``direction [n, *shape]``.
    The expectation over random signs is the divergence of the velocity (Hutchinson); the variance
    of one draw is ``sum_{i < j} (J_ij + J_ji)^2``, so that a diagonal Jacobian, as in one
    dimension, leaves no error.
    """
    differentiated = derivative(network) or tangent

    def slope(x: Tensor, t: Tensor, label: Tensor, direction: Tensor, **given: Tensor) -> Reply:
        along = differentiated(network, x, direction, t, label, **given)
        return {"slope": row_sums(direction * along)}

    plain, own = example(network, conditions, shape), shape or network.shape

    def rows(count: int) -> dict[str, Tensor]:
        drawn = [signs(own, 0, row, Purpose.DIRECTION) for row in range(count)]
        return {**plain(count), "direction": torch.stack(drawn).to(network.device)}

    return Head(slope, rows, ROW_COUNTS)


def example(
    network: VelocityNetwork,
    conditions: Mapping[str, Condition],
    shape: tuple[int, ...] | None = None,
) -> Callable[[int], dict[str, Tensor]]:
    """Example rows of fixed noise, over all combinations of times and labels."""
    own = shape or network.shape

    def noise(shape: tuple[int, ...], seed: int, count: int) -> Tensor:
        return torch.stack([normal(shape, seed, row, Purpose.START) for row in range(count)])

    def rows(count: int) -> dict[str, Tensor]:
        number = torch.arange(count)
        inputs = {
            "x": noise(own, 0, count),
            "t": torch.tensor(TIMES)[number % len(TIMES)],
            "label": (number + number // len(TIMES)) % (network.classes + 1),
        }
        inputs |= {name: noise(each.shape, 1, count) for name, each in conditions.items()}
        return {name: z.to(network.device) for name, z in inputs.items()}

    return rows
