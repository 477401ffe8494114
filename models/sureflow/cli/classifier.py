"""``sureflow classifier``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sureflow.cli.app import command, typed
from sureflow.cli.options import Folder, Plugins, Quiet, SamplingDevice, Threads


@command(
    "sureflow classifier my-digits --data models/configs/digits.toml",
    "sureflow classifier my-imported --data photos.safetensors",
)
def classifier(
    folder: Folder,
    data: Annotated[
        Path,
        typer.Option(
            help="Best what it was trained on: a training configuration, or a safetensors file "
            "with `samples` and `labels`."
        ),
    ],
    draws: Annotated[int, typer.Option(min=100, help="Noisy states to be read.")] = 12_000,
    seed: Annotated[int, typer.Option(min=0)] = 5_000_003,
    plugins: Plugins = None,
    device: SamplingDevice = "cpu",
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Teach the classes of data to a reading of the network's activations, and of images.

    It gives the score `class_margin`: whether the class that was asked for is seen by who is not
    told it. No judge is needed, but data with labels, best those of the training. Calibrate
    afterwards.
    """
    from sureflow.checkpoint import load, resolve
    from sureflow.evaluation.classifying import fit_classifier
    from sureflow.families.flow.engine import CLASSIFIER
    from sureflow.families.flow.scores.class_margin import TIMES
    from sureflow.training.suited import data_at

    path = resolve(folder)
    model = load(path, device)
    fitted = fit_classifier(model, data_at(data, model), draws, seed, quiet)
    fitted.save(path / CLASSIFIER)
    right = zip(TIMES, fitted.settings["accuracy"], strict=True)
    told = ", ".join(f"{accuracy:.1%} at t = {t:g}" for t, accuracy in right)
    typer.echo(f"wrote {path / CLASSIFIER}: right on {told}, of the samples held out")
    typer.echo(f"next: {typed()} calibrate {folder} --score class_margin")
