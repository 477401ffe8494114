"""``sureflow grid``."""

from __future__ import annotations

from math import exp
from typing import Annotated

import typer

from sureflow.cli.app import command
from sureflow.cli.options import Folder, Plugins, Quiet, SamplingDevice, Threads


@command("sureflow grid my-ring", "sureflow grid my-fashion --draws 12")
def grid(
    folder: Folder,
    draws: Annotated[int, typer.Option(min=2, help="Reference draws.")] = 24,
    hardest: Annotated[
        int | None, typer.Option(help="Fit to so many of the hardest, and as many others.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 2_000_003,
    plugins: Plugins = None,
    device: SamplingDevice = "cpu",
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Find out where a fixed number of steps is best placed, and store it as the fitted grid."""
    from sureflow.checkpoint import load, resolve
    from sureflow.evaluation.placement import fit_grid
    from sureflow.families.flow.engine import GRID

    path = resolve(folder)
    fitted = fit_grid(load(path, device), draws, hardest, seed, quiet)
    fitted.save(path / GRID)
    typer.echo(f"wrote {path / GRID}: error on its draws x {exp(-fitted.settings['gain']):.2f}")
