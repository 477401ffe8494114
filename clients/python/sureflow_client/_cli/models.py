"""``sureflow-client models``."""

from __future__ import annotations

from typing import Annotated

import typer

from .._card import certified
from .._model import Model
from . import sampling as ask
from .app import app, client, examples


@app.command(epilog=examples("models", "models fashion", "models fashion --load"))
def models(
    context: typer.Context,
    name: ask.ModelArgument = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print cards as JSON.")] = False,
    load: Annotated[
        bool,
        typer.Option(
            "--load",
            help="Take a folder of this name into service; a new version takes the place of the "
            "old one, without a failed request. Wants a key with the scope admin.",
        ),
    ] = False,
    unload: Annotated[
        bool, typer.Option("--unload", help="Take it out of service; the same scope.")
    ] = False,
) -> None:
    """List the models of the server, or show the card of one, as it is or once it is changed."""
    if load and unload:
        raise typer.BadParameter("one of them", param_hint="--load, --unload")
    if (load or unload) and name is None:
        raise typer.BadParameter("needs the NAME of a model", param_hint="--load, --unload")
    with client(context) as server:
        if name is not None:
            ask_for = server.load_model if load else server.unload_model if unload else server.model
            card = ask_for(name)
            typer.echo(card.model_dump_json(indent=2, exclude_none=True) if as_json else card)
            return
        cards = server.models()
    if as_json:
        for card in cards:
            typer.echo(card.model_dump_json(exclude_none=True))
        return
    typer.echo(f"{'name':12} {'state':8} {'shape':12} {'score':13} lowest certified bad rate")
    for card in cards:
        typer.echo(_row(card).rstrip())


def _row(card: Model) -> str:
    name = f"{card.name}{' *' if card.default else ''}"
    if card.error is not None:
        return f"{name:12} {card.state:8} {card.error}"
    calibrated = card.calibrated or {}
    shape = " x ".join(map(str, card.shape or ()))
    row = f"{name:12} {card.state:8} {shape:12} {calibrated.get('score') or '-':13}"
    return f"{row} {certified(calibrated.get('conformal')) or '-'}"
