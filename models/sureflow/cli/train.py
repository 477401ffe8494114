"""``sureflow train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sureflow.cli.app import command
from sureflow.cli.options import Device, Quiet, Runs, Threads
from sureflow.folders import HOME


@command(
    "sureflow train models/configs/ring.toml --out my-ring",
    "sureflow train my-flow.toml --device cuda --runs /scratch/runs",
)
def train(
    config: Annotated[Path, typer.Argument(help="Training configuration, a TOML file.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Default: sureflow-models/NAME.")
    ] = None,
    runs: Runs = Path("runs"),
    device: Device = "cpu",
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Train a network; run it again after an interruption and it continues."""
    from sureflow.training.config import read_config
    from sureflow.training.run import train as run

    read = read_config(config)
    folder = out or HOME / read.name
    run(read, folder, runs, device, quiet)
    typer.echo(f"wrote {folder}")
