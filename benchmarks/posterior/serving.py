"""What a team does: imports its network, fits a variance, calibrates, and starts a server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor, nn

ROOT = Path(__file__).parents[2]
MOONS = "net=benchmarks.posterior.network:Net"
GAUSSIAN = "lineargaussian=benchmarks.posterior.gaussian:LinearGaussian"
DATA = "simulations.safetensors"


def imported(
    folder: Path, name: str, reference: str, net: nn.Module, adapter: dict[str, Any], *more: str
) -> None:
    """Write what a team has into a folder, and import it to ``folder/models/name``."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    weights, told = folder / name / "net.safetensors", folder / name / "adapter.json"
    save_file({key: z.contiguous() for key, z in net.state_dict().items()}, weights)
    told.write_text(json.dumps(adapter, indent=2) + "\n")
    command = ["import", reference, "--name", name, "--out", str(folder / "models" / name)]
    sureflow(*command, "--weights", str(weights), "--adapter", str(told), *more)


def write_simulations(folder: Path, name: str, theta: Tensor, observed: Tensor) -> Path:
    """Write simulations as ``sureflow fit`` reads them; returns the file."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    file = folder / name / DATA
    save_file({"samples": theta, "conditions.observation": observed}, file)
    return file


def sureflow(*command: str) -> None:
    """Run a command as a team would, from the root of this repository."""
    print("$ sureflow", *command, flush=True)
    subprocess.run([sys.executable, "-m", "sureflow", *command], cwd=ROOT, check=True)
