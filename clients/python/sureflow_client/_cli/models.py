"""``sureflow-client models``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .._model import Model
from . import sampling as ask
from .app import app, client

EXAMPLES = """
**Examples:**

    sureflow-client models

    sureflow-client models fashion
"""


@app.command(epilog=EXAMPLES)
def models(
    context: typer.Context,
    name: ask.ModelArgument = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the cards as JSON lines.")] = False,
) -> None:
    """List the models of the server, or show the card of one."""
    with client(context) as server:
        if name is not None:
            typer.echo(server.model(name).model_dump_json(indent=2, exclude_none=True))
            return
        cards = server.models()
    if as_json:
        for card in cards:
            typer.echo(card.model_dump_json(exclude_none=True))
        return
    typer.echo(f"{'name':12} {'state':7} {'shape':12} {'score':13} lowest certified bad rate")
    for card in cards:
        typer.echo(_row(card).rstrip())


def _row(card: Model) -> str:
    name = f"{card.name}{' *' if card.default else ''}"
    if card.error is not None:
        return f"{name:12} {card.state:7} {card.error}"
    calibrated = card.calibrated or {}
    shape = " x ".join(map(str, card.shape or ()))
    row = f"{name:12} {card.state:7} {shape:12} {calibrated.get('score') or '-':13}"
    return f"{row} {_certified(calibrated.get('conformal'))}"


def _certified(table: dict[str, Any] | None) -> str:
    """The least bad rate that a judge has certified, and the confidence that it takes."""
    if not table:
        return "-"
    confidence, bound = table["thresholds"][0]
    return f"{bound:.2%} at {confidence:.2f}"
