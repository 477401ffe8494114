"""The loop that distils a student."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from tqdm import tqdm

from sureflow.core.path import broadcast
from sureflow.networks import VelocityNetwork
from sureflow.training.distillation.config import DistillationConfig
from sureflow.training.distillation.trajectories import Trajectories, draw

LEAST = 0.05
"""Least time left by which a loss is divided."""


class Distiller:
    """Trains a student to say where its teacher's trajectories end, from any of their points.

    The prediction is ``f(x, t) = x + (1 - t) g(x, t)``, so that ``f(x, 1) = x`` holds exactly (Song
    et al., Consistency Models, 2023, equation 5). The loss is ``|f(x_t, t) - target|^2 / (1 - t)``.
    With the target ``end`` there is nothing of the student in it (Luhman and Luhman, Knowledge
    Distillation in Iterative Generative Models, 2021, at every time). With ``next`` it is the
    averaged student's own prediction at the trajectory's next point (Song et al., algorithm 2).

    Attributes:
        student: The network, trained in place.
        average: The same with averaged weights.
        losses: The loss of every update.
    """

    def __init__(
        self, teacher: VelocityNetwork, student: VelocityNetwork, config: DistillationConfig
    ) -> None:
        self.teacher, self.student, self.config = teacher, student, config
        self.average = copy.deepcopy(student).eval().requires_grad_(False)
        self.losses: list[float] = []
        self.parameters = student.velocity_parameters()
        self._averaged = self.average.velocity_parameters()
        for parameter in self.parameters:
            parameter.requires_grad_(True)
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=0.0
        )

    def run(self, quiet: bool = False) -> None:
        """Distil to the end of the config."""
        self.student.train()
        with tqdm(total=self.config.updates, disable=quiet, unit="update") as bar:
            for points in self._batches():
                self._update(*points)
                bar.update()
                if len(self.losses) % 25 == 0:
                    bar.set_postfix(loss=f"{self.recent_loss():.5f}")
        self.student.eval()

    def recent_loss(self) -> float:
        """Mean of the last 200 losses."""
        recent = self.losses[-200:]
        return sum(recent) / max(len(recent), 1)

    def _batches(self) -> Iterator[tuple[Trajectories, Tensor, Tensor]]:
        """Trajectories, and numbers of some of them and of points on these, each ``[batch]``."""
        config = self.config
        rounds = -(-config.trajectories // config.together)
        for number in range(rounds):
            generator = torch.Generator().manual_seed(config.seed * 1_000_003 + number)
            made = draw(self.teacher, config.together, config, generator)
            for _ in range(config.passes):
                order = torch.randperm(config.together * config.steps, generator=generator)
                for chosen in torch.split(order, config.batch):
                    yield made, chosen // config.steps, chosen % config.steps

    def _update(self, made: Trajectories, who: Tensor, point: Tensor) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        x, labels = made.states[who, point], made.labels[who]
        t = made.times[point].to(x.device)
        target = made.states[who, -1]
        if self.config.target == "next":
            with torch.no_grad():
                later = made.times[point + 1].to(x.device)
                target = self._predicted(self.average, made.states[who, point + 1], later, labels)
        left = (1 - t).clamp(min=LEAST)
        self.optimizer.zero_grad()
        error = self._predicted(self.student, x, t, labels) - target
        loss = (error.square().flatten(1).mean(1) / left).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.losses.append(float(loss.detach()))
        self._update_average()

    def _predicted(self, network: VelocityNetwork, x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        """Where trajectories through these points end, ``[n, *shape]``."""
        bf16 = self.config.precision == "bfloat16"
        with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=bf16):
            slope = network(x, t, labels).float()
        end: Tensor = x + broadcast(1 - t, x) * slope
        return end

    def _learning_rate(self) -> float:
        """Linear warm-up, then half a cosine down to zero."""
        config, step = self.config, len(self.losses)
        if step < config.warmup:
            return config.learning_rate * (step + 1) / config.warmup
        progress = (step - config.warmup) / max(1, config.updates - config.warmup)
        return config.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))

    @torch.no_grad()
    def _update_average(self) -> None:
        step = len(self.losses)
        decay = min(self.config.ema, (1 + step) / (10 + step))
        values = [parameter.detach() for parameter in self.parameters]
        torch._foreach_lerp_([*self._averaged], values, 1 - decay)
