"""``sureflow index``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sureflow.cli.app import command
from sureflow.cli.options import Device, Plugins, Quiet, Threads


@command(
    "sureflow index photos.safetensors --model my-flow",
    "sureflow index models/configs/digits.toml --model my-digits --components 64",
    "sureflow index photos.safetensors --model my-flow --model my-flow-4 --samples 500",
)
def index(
    data: Annotated[
        Path,
        typer.Argument(
            help="Training data: a safetensors file with `samples`, or a training configuration."
        ),
    ],
    model: Annotated[
        list[str], typer.Option(help="Checkpoint folder that gets the index; repeat it.")
    ],
    components: Annotated[
        int | None,
        typer.Option(min=1, help="Compare so many principal components, instead of all pixels."),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=0, help="Samples of each model to report on; 0: none.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    plugins: Plugins = None,
    device: Device = "cpu",
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Index training data, so that samples come with their novelty: is one a copy?

    The novelty of a sample is its distance to the nearest training sample over that to the second
    nearest; below a third it counts as copied. The report is the share of copies of every model,
    such as a teacher and its student.
    """
    from sureflow.checkpoint import load, resolve
    from sureflow.evaluation.memorisation import memorised
    from sureflow.training.indexing import index_of
    from sureflow.training_index import INDEX

    folders = [resolve(name) for name in model]
    made = index_of(data, components)
    for folder in folders:
        loaded = load(folder, device)
        if loaded.card.shape != made.shape:
            shapes = f"{list(loaded.card.shape)}, the data {list(made.shape)}"
            raise ValueError(f"model: the samples of {loaded.card.name} have shape {shapes}")
        made.save(folder / INDEX)
        typer.echo(f"wrote {folder / INDEX}: {len(made)} samples")
        if samples:
            found = memorised(loaded, made, samples, seed, quiet)
            said = f"{found.copied:.1%} of {samples} samples are copies, of {found.neighbours}"
            typer.echo(f"{loaded.card.name}: {said} training samples; median {found.median:.3f}")
