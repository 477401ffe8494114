"""``sureflow ignorance``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sureflow.cli.app import command
from sureflow.cli.options import Folder, Plugins, Quiet, Runs, SamplingDevice, Threads


@command(
    "sureflow ignorance my-fashion --data models/configs/fashion.toml",
    "sureflow ignorance my-imported --data photos.safetensors",
)
def ignorance(
    folder: Folder,
    data: Annotated[
        Path | None,
        typer.Option(
            help="What it was trained on: a training configuration, or a safetensors file with "
            "`samples`, and `labels` and `conditions.NAME` if there are any; default: samples of "
            "the model itself."
        ),
    ] = None,
    points: Annotated[int, typer.Option(min=10, help="Points on the way to data.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0)] = 5_000_011,
    plugins: Plugins = None,
    runs: Runs = Path("runs"),
    device: SamplingDevice = "cpu",
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Learn what activations look like on the way to training data, for the score `ignorance`.

    The score is high for samples whose conditions or states the training never saw. It costs no
    evaluations.
    """
    from sureflow.checkpoint import load, resolve
    from sureflow.evaluation.ignorance import data_of, fit_laplace
    from sureflow.families.flow.engine import LAPLACE

    path = resolve(folder)
    model = load(path, device)
    source = data_of(model, data, runs, quiet)
    fitted = fit_laplace(model, source, points, seed, quiet)
    fitted.save(path / LAPLACE)
    typer.echo(f"wrote {path / LAPLACE}: of {source.description}")
    typer.echo(f"it reads 1 on average at these points, {fitted.settings['fresh']:.2f} at others")
