"""``sureflow fit``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from sureflow.cli.app import command
from sureflow.cli.options import Device, Quiet, Runs, Threads


@command(
    "sureflow fit models/configs/fashion.toml --checkpoint my-fashion",
    "sureflow fit my-flow.toml --weights flow.safetensors --plugin my_package.flow:Flow",
)
def fit(
    config: Annotated[Path, typer.Argument(help="Configuration with a [variance] section.")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="Default: models/checkpoints/NAME.")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="For network kind `frozen`: its weights, as safetensors, in 16, 32 or 64 bits."
        ),
    ] = None,
    plugin: Annotated[
        str | None,
        typer.Option(help="package.module:factory that makes the network of the config."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Fit also a network that does not suit the data.")
    ] = False,
    runs: Runs = Path("runs"),
    device: Device = "cpu",
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Train only the variance of a trained velocity network; the velocity does not change.

    The network may be one of our checkpoints, or with --weights any torch module of yours.
    """
    from sureflow.folders import embedded_folder
    from sureflow.networks import load_plugin
    from sureflow.training.config import read_config
    from sureflow.training.run import fit as run

    read = read_config(config)
    if plugin:
        sys.path.insert(0, str(Path.cwd()))
        name, _, reference = plugin.rpartition("=")
        load_plugin(reference, name or read.network.get("base", read.network.get("kind")))
    folder = checkpoint or embedded_folder() / read.name
    run(folder, read, runs, device, quiet, weights, force)
    typer.echo(f"wrote {folder}")
