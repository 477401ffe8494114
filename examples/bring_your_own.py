"""Bring your own model: a plain torch flow learns how sure it is of every sample, and is served.

Run ``python examples/bring_your_own.py``; it takes about a minute on one core, and draws the
samples with their confidence, ``moons.png``, where matplotlib is installed. The same from the
command line: ``sureflow fit CONFIG --weights FILE --plugin package.module:factory``, then
``sureflow calibrate FOLDER --plugin ...``, then ``sureflow serve`` as below.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import sureflow
from sureflow.evaluation.reference import calibrate
from sureflow.networks import register
from sureflow.training.config import TrainConfig
from sureflow.training.run import fit
from sureflow_client import Client, Result

NAME = "moon-flow"
"""A checkpoint names its network; what the name stands for is up to whoever loads it."""


class MoonFlow(nn.Module):
    """Your network: any module with ``forward(x, t)`` and a last linear layer with a name."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(3, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(),
            nn.Linear(width, width), nn.SiLU(),
        )  # fmt: skip
        self.head = nn.Linear(width, 2)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Velocity at ``x [B, 2]`` and ``t [B]``; t = 0 is noise, t = 1 is data."""
        velocity: Tensor = self.head(self.body(torch.cat([x, t[:, None]], -1)))
        return velocity


def curves(angle: Tensor) -> Tensor:
    """Points of two interleaved half circles, ``[2, N, 2]``, at these angles."""
    upper = torch.stack([angle.cos(), angle.sin()], -1)
    both = torch.stack([upper, torch.tensor([1.0, 0.5]) - upper])
    return 1.5 * (both - torch.tensor([0.5, 0.25]))


def moons(count: int) -> Tensor:
    """Points near the half circles, with a little noise."""
    upper, lower = curves(math.pi * torch.rand(count))
    return torch.where(torch.rand(count, 1) < 0.5, upper, lower) + 0.05 * torch.randn(count, 2)


def off(samples: Result) -> float:
    """Mean distance of samples to the half circles: the truth, which the model does not know."""
    points = torch.from_numpy(samples.array())
    curve = curves(torch.linspace(0, math.pi, 400)).flatten(0, 1)
    return float(torch.cdist(points, curve).amin(1).mean())


def draw(samples: Result, path: Path) -> None:
    """Draw the samples, coloured by their confidence."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.add_subplot(aspect="equal")
    shown = axes.scatter(*samples.array().T, c=samples.confidence, s=8)
    axes.plot(*curves(torch.linspace(0, math.pi, 100)).permute(2, 1, 0), "k-", linewidth=0.5)
    figure.colorbar(shown, label="confidence")
    figure.savefig(path, dpi=100)


def train(data: Tensor, steps: int) -> MoonFlow:
    """Your training: plain flow matching, which knows nothing of confidence."""
    flow = MoonFlow()
    optimizer = torch.optim.Adam(flow.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        x1 = data[torch.randint(len(data), (512,))]
        x0, t = torch.randn_like(x1), torch.rand(512)
        x = torch.lerp(x0, x1, t[:, None])
        loss = (flow(x, t) - (x1 - x0)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return flow


@contextmanager
def served(models: Path) -> Iterator[str]:
    """Serve a folder of checkpoints, with the network of this file, and yield the URL."""
    plugin = f"{NAME}={Path(__file__).stem}:MoonFlow"
    words = ["--port", "0", "--models-dir", str(models), "--data-dir", str(models / ".data")]
    command = [sys.executable, "-m", "sureflow_server.cli", "serve", *words, "--plugin", plugin]
    folder = Path(__file__).parent  # where the module of the plugin is found
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server:
        said = re.search(r"http://\S+", server.stdout.readline() if server.stdout else "")
        try:
            if said is None:
                raise SystemExit("the server did not start")
            yield said[0]
        finally:
            server.terminate()


def main() -> None:
    """Train, fit the variance, calibrate, serve, ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2000, help="Training steps of the flow.")
    parser.add_argument("--out", type=Path, help="Folder of models; default: a temporary one.")
    parser.add_argument("--picture", type=Path, default=Path("moons.png"), help="Where it goes.")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    work = Path(tempfile.mkdtemp())
    models = (arguments.out or work / "models").resolve()
    folder = models / "moons"

    data = moons(20_000)
    flow = train(data, arguments.steps)
    save_file(flow.state_dict(), work / "flow.safetensors")
    save_file({"samples": data}, work / "data.safetensors")

    register(NAME, MoonFlow)
    settings = {
        "name": "moons",
        "data": {"name": "file", "path": work / "data.safetensors"},
        "network": {"kind": "frozen", "base": NAME, "final": "head", "shape": [2]},
        "variance": {"steps": max(arguments.steps // 2, 1), "batch": 512, "ema": 0.99},
    }
    config = TrainConfig.model_validate(settings)
    fit(folder, config, runs=work, weights=work / "flow.safetensors", quiet=True)
    calibrate(sureflow.load(folder), draws=500, quiet=True).save(folder / "calibration.safetensors")

    with served(models) as url, Client(url) as client:
        result = client.generate("moons", n=500, seed=1).sorted()
    print(f"wrote {folder}, served at {url}\n")
    print(f"{'':10}{'x':>7}{'y':>7}{'uncertainty':>13}{'confidence':>12}")
    for name, chosen in (("most sure", result[:3]), ("least sure", result[-3:])):
        for sample in chosen:
            x, y = sample.array()
            print(f"{name:10}{x:7.2f}{y:7.2f}{sample.uncertainty:13.3f}{sample.confidence:12.3f}")
    print("\nmean distance to the moons:")
    for name, chosen in (("surest 50", result[:50]), ("all", result), ("last 50", result[-50:])):
        print(f"{name:10}{off(chosen):7.3f}")
    if importlib.util.find_spec("matplotlib"):
        draw(result, arguments.picture)
        print(f"\nwrote {arguments.picture}")


if __name__ == "__main__":
    main()
