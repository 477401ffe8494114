"""``sureflow distill``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sureflow.cli.app import command
from sureflow.cli.options import Device, Folder, Plugins, Quiet, Threads
from sureflow.folders import HOME


@command(
    "sureflow distill ring --steps 2 --trajectories 4096 --out my-ring-2",
    "sureflow distill my-digits --steps 4 --precision bfloat16",
    "sureflow distill my-digits --steps 1 --target next --guidance 1.5",
)
def distill(
    folder: Folder,
    steps: Annotated[int, typer.Option(help="Most steps of the student: 1, 2 or 4.")] = 4,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Default: sureflow-models/NAME-STEPS.")
    ] = None,
    trajectories: Annotated[
        int, typer.Option(min=1, help="Trajectories of the teacher to learn from.")
    ] = 8192,
    substeps: Annotated[
        int, typer.Option(min=1, help="Heun steps of the teacher for each of the student's.")
    ] = 2,
    passes: Annotated[int, typer.Option(min=1, help="How often every point is used.")] = 4,
    batch: Annotated[int, typer.Option(min=1)] = 64,
    learning_rate: Annotated[float, typer.Option(min=1e-9)] = 5e-4,
    target: Annotated[
        str, typer.Option(help="end: of the trajectory; next: consistency distillation.")
    ] = "end",
    guidance: Annotated[float, typer.Option(min=0, help="Of the teacher.")] = 1.0,
    precision: Annotated[str, typer.Option(help="float32 or bfloat16.")] = "float32",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    plugins: Plugins = None,
    device: Device = "cpu",
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Make a student of a flow or a diffusion model: samples in one to four evaluations."""
    from sureflow.checkpoint import read_config, resolve
    from sureflow.training.distillation.config import DistillationConfig
    from sureflow.training.distillation.run import distill as run

    given = {
        "steps": steps,
        "trajectories": trajectories,
        "substeps": substeps,
        "passes": passes,
        "batch": batch,
        "learning_rate": learning_rate,
        "target": target,
        "guidance": guidance,
        "precision": precision,
        "seed": seed,
    }
    config = DistillationConfig.model_validate(given)
    usual = f"{read_config(resolve(folder)).name}-{steps}"
    path = out or HOME / usual
    record = run(folder, config, path, out.name if out else usual, device, quiet)
    loss = f"loss {record['first_loss']:g} at first, {record['final_loss']:g} at last"
    typer.echo(f"wrote {path}: {record['updates']} updates in {record['seconds']} s, {loss}")
