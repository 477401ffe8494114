"""The training loop. It is seeded per step, so that an interrupted run resumes exactly."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from sureflow.training.config import TrainingConfig
from sureflow.training.data import Source
from sureflow.training.loss import OBJECTIVES


class Trainer:
    """Trains a network on a source and keeps an exponential moving average of its weights.

    Every step draws from a generator seeded by ``(seed, step)`` alone. The training state (weights,
    averages, optimiser moments, step) is saved in a folder as safetensors and JSON, atomically,
    every ``save_every`` steps; :meth:`run` continues from it. The network is trained in place; the
    objective ``variance`` trains only its noise layers.
    """

    def __init__(
        self, network: nn.Module, source: Source, config: TrainingConfig, folder: Path
    ) -> None:
        self.network, self.source, self.config, self.folder = network, source, config, folder
        self.step, self.seconds = 0, 0.0
        self.losses: list[float] = []
        self._objective = OBJECTIVES[config.objective]
        chosen = {id(parameter) for parameter in self._objective.trained(network)}
        for parameter in network.parameters():
            parameter.requires_grad_(id(parameter) in chosen)
        named = network.named_parameters()
        self.parameters = {name: parameter for name, parameter in named if id(parameter) in chosen}
        self.optimizer = torch.optim.AdamW(
            self.parameters.values(),
            lr=config.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=config.weight_decay,
        )
        self.average = {name: p.detach().clone() for name, p in self.parameters.items()}

    def run(self, quiet: bool = False) -> None:
        """Train to the configured step count, from the saved state if there is one."""
        self._restore()
        self.network.train()
        bar = tqdm(total=self.config.steps, initial=self.step, disable=quiet, unit="step")
        started, before = time.monotonic(), self.seconds
        with bar:
            while self.step < self.config.steps:
                self.losses.append(self._advance())
                bar.update()
                if self.step % 50 == 0:
                    bar.set_postfix(loss=f"{self.recent_loss():.4f}")
                if self.step % self.config.save_every == 0 or self.step == self.config.steps:
                    self.seconds = before + time.monotonic() - started
                    self._save()

    def recent_loss(self) -> float:
        """Mean of the last 200 losses."""
        recent = self.losses[-200:]
        return sum(recent) / max(len(recent), 1)

    def averaged(self) -> nn.Module:
        """The network with its averaged weights loaded (in place), in evaluation mode."""
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(self.average[name])
        return self.network.eval()

    def _advance(self) -> float:
        config = self.config
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + self.step)
        points = self._objective.points(self.network, self.source, config, generator)
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        self.optimizer.zero_grad()
        bf16 = config.precision == "bfloat16"
        kind = next(iter(self.parameters.values())).device.type
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=bf16):
            loss = self._objective.loss(self.network, points)
        nn.utils.clip_grad_norm_(self.parameters.values(), config.clip)
        self.optimizer.step()
        self.step += 1
        self._update_average()
        return loss.item()

    def _learning_rate(self) -> float:
        """Linear warm-up, then half a cosine down to zero."""
        config = self.config
        if self.step < config.warmup:
            return config.learning_rate * (self.step + 1) / config.warmup
        progress = (self.step - config.warmup) / max(1, config.steps - config.warmup)
        return config.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(
            [*self.average.values()], [p.detach() for p in self.parameters.values()], 1 - decay
        )

    def _save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        tensors: dict[str, Tensor] = {}
        for name, parameter in self.parameters.items():
            state = self.optimizer.state[parameter]
            tensors |= {
                f"weight/{name}": parameter.detach(),
                f"average/{name}": self.average[name],
                f"first/{name}": state["exp_avg"],
                f"second/{name}": state["exp_avg_sq"],
            }
        progress = {"step": self.step, "seconds": self.seconds, "losses": self.losses[-1000:]}
        whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
        save_file(whole, self.folder / "state.tmp", metadata={"progress": json.dumps(progress)})
        (self.folder / "state.tmp").replace(self.folder / "state.safetensors")

    def _restore(self) -> None:
        path = self.folder / "state.safetensors"
        if not path.exists():
            return
        with safe_open(path, "pt") as file:
            progress = json.loads(file.metadata()["progress"])
        tensors = load_file(path)
        self.step, self.seconds = int(progress["step"]), float(progress["seconds"])
        self.losses = progress["losses"]
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(tensors[f"weight/{name}"])
                self.average[name].copy_(tensors[f"average/{name}"])
                self.optimizer.state[parameter] = {
                    "step": torch.tensor(float(self.step)),
                    "exp_avg": tensors[f"first/{name}"],
                    "exp_avg_sq": tensors[f"second/{name}"],
                }
