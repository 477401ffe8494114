"""``sureflow classifier``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sureflow.cli.app import command, typed
from sureflow.cli.options import Folder, Plugins, Quiet, SamplingDevice, Threads


@command(
    "sureflow classifier my-digits --config models/configs/digits.toml",
    "sureflow classifier my-imported --data photos.safetensors",
)
def classifier(
    folder: Folder,
    config: Annotated[
        Path | None,
        typer.Option(help="Configuration of the training, whose data are taken; or --data."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="safetensors file with `samples` and `labels`.")
    ] = None,
    draws: Annotated[int, typer.Option(min=100, help="Noisy states to be read.")] = 12_000,
    seed: Annotated[int, typer.Option(min=0)] = 5_000_003,
    plugins: Plugins = None,
    device: SamplingDevice = "cpu",
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Teach the classes of data to a reading of the network's activations.

    It gives the score `class_margin`: whether the network sees, without being told, the class that
    was asked for. No judge is needed, but data with labels, best those of the training. Calibrate
    afterwards.
    """
    from sureflow.checkpoint import load, resolve
    from sureflow.evaluation.classifying import fit_classifier
    from sureflow.families.flow.engine import CLASSIFIER
    from sureflow.training.arrays import arrays_in
    from sureflow.training.config import read_config
    from sureflow.training.data import source_of

    if (config is None) == (data is None):
        raise ValueError("data: give a configuration or a file, one of them")
    path = resolve(folder)
    model = load(path, device)
    if config is not None:
        source = source_of(read_config(config).data)
    else:
        assert data is not None
        source = arrays_in(data, model.card.classes)
    fitted = fit_classifier(model, source, draws, seed, quiet)
    fitted.save(path / CLASSIFIER)
    accuracy = fitted.settings["accuracy"]
    typer.echo(f"wrote {path / CLASSIFIER}: right on {accuracy:.1%} of the samples held out")
    typer.echo(f"next: {typed()} calibrate {folder} --score class_margin")
