"""``sureflow-client handles``."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated

import typer

from .app import app, client, examples
from .complete import handle_names


@app.command(epilog=examples("handles", "handles --delete hdl_…"))
def handles(
    context: typer.Context,
    limit: Annotated[int | None, typer.Option(help="List at most so many.")] = None,
    delete: Annotated[
        list[str] | None,
        typer.Option(help="Forget this one; may be repeated.", autocompletion=handle_names),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """List your rewind handles, newest first, or have some forgotten."""
    with client(context) as server:
        if delete:
            for id in delete:
                server.delete_handle(id)
                typer.echo(f"forgot {id}")
            return
        found = server.handles(limit)
    if as_json:
        for handle in found:
            typer.echo(handle.model_dump_json())
        return
    typer.echo(f"{'handle':28} {'model':10} {'bytes':>8}  {'expires in':>10}  parent")
    for handle in found:
        left = (handle.expires_at - datetime.now(timezone.utc)).total_seconds()
        row = f"{handle.id:28} {handle.model:10} {handle.bytes:8}  {_duration(left):>10}"
        typer.echo(f"{row}  {handle.parent or '-'}")


def _duration(seconds: float) -> str:
    minutes = int(seconds // 60)
    hours, days = minutes // 60, minutes // 1440
    if days:
        return f"{days} d {hours % 24} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
