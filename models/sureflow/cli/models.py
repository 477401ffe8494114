"""``sureflow models``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sureflow.cli.app import command
from sureflow.cli.options import Plugins


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
        shape = "x".join(map(str, card.shape))
        calibrated = f"judged by {card.calibrated['score']}" if card.calibrated else "no tables"
        typer.echo(
            f"{card.name:20}  {card.media} {shape}, {len(card.classes)} classes,"
            f" {card.parameters} parameters, {calibrated}, {card.version}"
        )
    raise typer.Exit(int(broken))
