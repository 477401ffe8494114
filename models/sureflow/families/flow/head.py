"""A velocity network as a head: rows by name in, answers by name out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from sureflow.core.draw import Purpose, normal
from sureflow.core.execution import Compile
from sureflow.networks import Reply, VelocityNetwork
from sureflow.sampling.blocks import Evaluate, Example
from sureflow.sampling.compiled import compiled
from sureflow.sampling.evaluator import Evaluator

TIMES = (0.0, 1.0, 0.5, 0.25, 0.75, 0.125, 0.625, 0.375, 0.875)
"""Times of the example rows; solvers evaluate at both ends."""


def head(network: VelocityNetwork) -> Evaluate:
    """``velocity`` and ``variance`` of rows ``x [n, *shape]``, ``t [n]``, ``label [n]``.

    Along with them comes the ``reading`` of a probe, where the network has one.
    """

    def moments(x: Tensor, t: Tensor, label: Tensor) -> Mapping[str, Tensor]:
        out = network.moments(x, t, label)
        answers = {"velocity": out.mean, "variance": out.variance, "reading": out.reading}
        return {name: z for name, z in answers.items() if z is not None}

    return moments


def example(network: VelocityNetwork) -> Example:
    """Rows at fixed draws of noise, of every time and label together."""

    def rows(count: int) -> dict[str, Tensor]:
        x = [normal(network.shape, 0, row, Purpose.START) for row in range(count)]
        number = torch.arange(count)
        of_times = number // len(TIMES)
        inputs = {
            "x": torch.stack(x),
            "t": torch.tensor(TIMES)[number % len(TIMES)],
            "label": (number + of_times) % (network.classes + 1),
        }
        return {name: z.to(network.device) for name, z in inputs.items()}

    return rows


class Velocities(Evaluator):
    """The evaluator of a velocity network, asked and answering in tensors instead of names.

    Args:
        network: In evaluation mode, on its device.
        candidates: Block sizes to try; by default those that suit the device.
        compile: How blocks are run; see :func:`~sureflow.sampling.compiled.compiled`.
    """

    def __init__(
        self,
        network: VelocityNetwork,
        candidates: Sequence[int] | None = None,
        compile: Compile = "off",
    ) -> None:
        device = network.device
        evaluate = compiled(head(network), compile, device)
        super().__init__(evaluate, example(network), device, candidates)

    def __call__(self, x: Tensor, t: Tensor, label: Tensor) -> Reply:  # type: ignore[override]
        """Velocity and variance of rows ``x [n, *shape]``, ``t [n]``, ``label [n]``; n >= 1."""
        answers = super().__call__({"x": x, "t": t, "label": label})
        return Reply(answers["velocity"], answers["variance"], reading=answers.get("reading"))
