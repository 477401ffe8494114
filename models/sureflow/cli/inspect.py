"""``sureflow inspect`` and ``sureflow models``: what is in checkpoint folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from sureflow.cli.app import command
from sureflow.cli.options import Folder, Plugins
from sureflow.core.size import in_words


@command(
    "sureflow inspect fashion",
    "sureflow inspect my-moons --plugin moon-flow=my_package.flow:Flow",
)
def inspect(folder: Folder, plugins: Plugins = None) -> None:
    """Check a checkpoint folder and print its card, files, checksums and tensors as JSON."""
    from sureflow.inspection import inspect as look_into

    typer.echo(json.dumps(look_into(folder), indent=2))


@command("sureflow models", "sureflow models my-checkpoints")
def models(
    root: Annotated[
        Path | None, typer.Argument(help="Folder of checkpoint folders; default the embedded ones.")
    ] = None,
    plugins: Plugins = None,
) -> None:
    """List the models of a folder as a server would load them; exit code 1 if one is broken."""
    from sureflow.inspection import survey

    broken = False
    for found in survey(root):
        if found.card is None:
            broken = True
            typer.echo(f"{found.folder.name:20}  cannot be loaded: {found.error}")
            continue
        card = found.card
        shape = " or ".join(in_words(each) for each in card.shapes or (card.shape,))
        calibrated = f"judged by {card.calibrated['score']}" if card.calibrated else "no tables"
        typer.echo(
            f"{card.name:20}  {card.media} {shape}, {len(card.classes)} classes,"
            f" {card.parameters} parameters, {calibrated}, {card.version}"
        )
    raise typer.Exit(int(broken))
