"""The teacher's trajectories, whose ends a student learns to predict."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sureflow.networks import VelocityNetwork
from sureflow.training.distillation.config import DistillationConfig


class Trajectories(NamedTuple):
    """Trajectories of a teacher.

    Attributes:
        times: The student's times, ``[steps + 1]``, from 0 to 1.
        states: The points at these times, ``[n, steps + 1, *shape]``.
        labels: ``[n]``; the null label where there is none.
    """

    times: Tensor
    states: Tensor
    labels: Tensor


@torch.no_grad()
def draw(
    teacher: VelocityNetwork, count: int, config: DistillationConfig, generator: torch.Generator
) -> Trajectories:
    """Draw noise and labels, and follow the teacher from there by Heun's method."""
    x = torch.randn(count, *teacher.shape, generator=generator).to(teacher.device)
    labels = _labels(teacher, count, config.unlabelled, generator).to(teacher.device)
    times = torch.linspace(0, 1, config.steps * config.substeps + 1)
    states = [x]
    for begin, end in zip(times[:-1].tolist(), times[1:].tolist(), strict=True):
        first = velocity(teacher, x, begin, labels, config)
        ahead = x + (end - begin) * first
        second = velocity(teacher, ahead, end, labels, config)
        x = x + (end - begin) / 2 * (first + second)
        states.append(x)
    kept = slice(None, None, config.substeps)
    return Trajectories(times[kept], torch.stack(states[kept], 1), labels)


def velocity(
    teacher: VelocityNetwork, x: Tensor, t: float, labels: Tensor, config: DistillationConfig
) -> Tensor:
    """The teacher's velocity at one time, guided if the config says so."""
    bf16 = config.precision == "bfloat16"
    time = torch.full((len(x),), t, device=x.device)
    with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=bf16):
        plain: Tensor = teacher(x, time, labels).float()
        if config.guidance == 1 or not teacher.classes:
            return plain
        # A row without a label has the same velocity twice, so that it is not guided.
        null: Tensor = teacher(x, time, torch.full_like(labels, teacher.classes)).float()
    return null + config.guidance * (plain - null)


def _labels(
    teacher: VelocityNetwork, count: int, unlabelled: float, generator: torch.Generator
) -> Tensor:
    """Labels ``[count]``, all alike often."""
    if not teacher.classes:
        return torch.zeros(count, dtype=torch.long)
    labels = torch.randint(teacher.classes, (count,), generator=generator)
    if not teacher.null_label:
        return labels
    dropped = torch.rand(count, generator=generator) < unlabelled
    return torch.where(dropped, teacher.classes, labels)
