"""``sureflow circuit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sureflow.cli.app import command
from sureflow.cli.options import Device, Folder, Plugins, Quiet, Threads


@command(
    "sureflow circuit my-digits --data models/configs/digits.toml --threshold 0",
    "sureflow circuit my-counts --data counts.safetensors --values 16",
)
def circuit(
    folder: Folder,
    data: Annotated[
        Path,
        typer.Option(
            help="Real samples: a training configuration, or a safetensors file with `samples`."
        ),
    ],
    values: Annotated[
        int, typer.Option(min=2, help="2: above or below the threshold; more: counts up to that.")
    ] = 2,
    threshold: Annotated[float, typer.Option(help="Above it a component is 1.")] = 0.0,
    samples: Annotated[int, typer.Option(min=100, help="How many real ones.")] = 5000,
    replicas: Annotated[int, typer.Option(min=1, help="Orders of the components.")] = 8,
    nodes: Annotated[int, typer.Option(min=1, help="Of a sector.")] = 8,
    steps: Annotated[int, typer.Option(min=1, help="Of the training.")] = 1500,
    seed: Annotated[int, typer.Option(min=0)] = 7_000_011,
    plugins: Plugins = None,
    device: Device = "cpu",
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Train a probabilistic circuit on discrete data, for the score `circuit`.

    The score is minus the exact log-probability of a sample, in nats; as the method of confidence
    its map says of every component how surprising it is given all others. It costs no evaluations.
    """
    from sureflow.checkpoint import load, resolve
    from sureflow.evaluation.circuits import circuit_of
    from sureflow.families.flow.engine import CIRCUIT

    path = resolve(folder)
    found = circuit_of(
        load(path),
        data,
        samples,
        values=values,
        threshold=threshold,
        replicas=replicas,
        nodes=nodes,
        steps=steps,
        seed=seed,
        device=device,
        quiet=quiet,
    )
    found.save(path / CIRCUIT)
    typer.echo(f"wrote {path / CIRCUIT}")
    nats, alone = found.settings["nats"], found.settings["independent"]
    typer.echo(f"held out: {nats} nats per component, {alone} if they were independent")
