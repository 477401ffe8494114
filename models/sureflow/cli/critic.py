"""``sureflow critic``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sureflow.cli.app import command
from sureflow.cli.options import Folder, Plugins, Quiet, Runs, SamplingDevice, Threads


@command(
    "sureflow critic my-fashion --data models/configs/fashion.toml",
    "sureflow critic my-imported --data photos.safetensors",
)
def critic(
    folder: Folder,
    data: Annotated[
        Path,
        typer.Option(
            help="Real samples: a training configuration, or a safetensors file with `samples`."
        ),
    ],
    samples: Annotated[int, typer.Option(min=100, help="Of the model, and as many real ones.")] = (
        2000
    ),
    steps: Annotated[int, typer.Option(min=1, help="Of the training.")] = 1000,
    width: Annotated[int, typer.Option(min=2, help="Channels of its first layer; even.")] = 32,
    seed: Annotated[int, typer.Option(min=0)] = 6_000_011,
    plugins: Plugins = None,
    runs: Runs = Path("runs"),
    device: SamplingDevice = "cpu",
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Train a critic that tells samples of the model from real ones, for the score `critic`.

    The score is in data units, and changes by at most 1 per unit by which a sample moves: the
    norms of all layers are certified. A decision by it says as `margin` how far the sample would
    have to move to change it. It costs no evaluations.
    """
    from sureflow.checkpoint import load, resolve
    from sureflow.evaluation.criticising import critic_of
    from sureflow.families.flow.engine import CRITIC

    path = resolve(folder)
    model = load(path, device)
    found = critic_of(model, data, samples, runs, width=width, steps=steps, seed=seed, quiet=quiet)
    found.save(path / CRITIC)
    typer.echo(f"wrote {path / CRITIC}: certified constant {float(found.bound):.6f}")
    typer.echo(f"it tells held-out samples from data with AUROC {found.settings['auroc']}")
