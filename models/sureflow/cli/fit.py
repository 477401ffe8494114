"""``sureflow fit``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from sureflow.cli.app import command
from sureflow.cli.options import Device, Quiet, Runs, Threads
from sureflow.folders import HOME


@command(
    "sureflow fit my-imported",
    "sureflow fit my-imported --data photos.safetensors --variance beside",
    "sureflow fit models/configs/fashion.toml --checkpoint my-fashion",
    "sureflow fit my-flow.toml --weights flow.safetensors --plugin my_package.flow:Flow",
)
def fit(
    model: Annotated[
        Path,
        typer.Argument(
            help="Checkpoint folder of network kind `frozen`, such as one that was imported; or a "
            "configuration with a [variance] section."
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Of a folder: safetensors file with `samples`, and `labels` and `conditions.NAME` "
            "if there are any."
        ),
    ] = None,
    own: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Of a folder: fit to so many samples of the model itself, which is done without "
            "data; default: 2000, or fewer if the fit draws fewer.",
        ),
    ] = None,
    conditions: Annotated[
        Path | None,
        typer.Option(help="Of own samples: safetensors file with `conditions.NAME`."),
    ] = None,
    variance: Annotated[
        Literal["auto", "beside", "inside"],
        typer.Option(
            help="Of a folder: where the variance comes from, a head beside the network or noise "
            "in front of its last layer; auto: what is better on samples held out."
        ),
    ] = "auto",
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Of a folder: training steps; default: 1000, for vectors 3000."),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(min=1, help="Of a folder: points per step; default: by the sample's size."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of a folder; default: 0.")] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Where to write; default: the folder, or sureflow-models/NAME."),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="For network kind `frozen`: its weights, as safetensors, in 16, 32 or 64 bits."
        ),
    ] = None,
    plugin: Annotated[
        str | None,
        typer.Option(help="package.module:factory that makes the network."),
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

    A folder needs nothing else. The network of a configuration may be one of our checkpoints, or
    with --weights any torch module of yours.
    """
    from sureflow.checkpoint import read_config as describe
    from sureflow.checkpoint import resolve
    from sureflow.networks import load_plugin
    from sureflow.training.config import read_config
    from sureflow.training.fit_folder import FolderFit
    from sureflow.training.run import fit as run

    def plug_in(network: dict[str, object]) -> None:
        if plugin:
            sys.path.insert(0, str(Path.cwd()))
            name, _, reference = plugin.rpartition("=")
            load_plugin(reference, name or str(network.get("base", network.get("kind"))))

    if model.suffix == ".toml" or model.is_file():
        of_folder = {"data": data, "own": own, "conditions": conditions, "steps": steps}
        of_folder |= {"batch": batch, "seed": seed, "variance": variance != "auto" or None}
        for option in (name for name, value in of_folder.items() if value is not None):
            raise ValueError(f"{option}: the configuration says it; the option is for a folder")
        read = read_config(model)
        plug_in(read.network)
        folder = checkpoint or HOME / read.name
        run(folder, read, runs, device, quiet, weights, force)
    else:
        if weights is not None:
            raise ValueError("weights: are those of the folder; the option is for a configuration")
        source = resolve(model)
        plug_in(describe(source).network)
        folder = checkpoint or source
        FolderFit(
            data,
            own,
            conditions,
            variance,
            steps,
            batch,
            seed or 0,
            force,
            device,
            quiet,
            typer.echo,
        ).run(source, folder, runs)
    typer.echo(f"wrote {folder}")
