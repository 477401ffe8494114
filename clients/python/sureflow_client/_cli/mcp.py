"""``sureflow-client mcp``."""

from __future__ import annotations

import typer

from .app import Server, app, examples

MISSING = "needs the package mcp: pip install 'mcp>=2.3'"


@app.command(epilog=examples("mcp", "--url http://gpu-box:8000 mcp"))
def mcp(context: typer.Context) -> None:
    """Offer the server to an agent: tools by the Model Context Protocol over stdin and stdout.

    An agent's program starts this by itself; a server also offers the same tools at /mcp.
    """
    try:
        from .._mcp.stdio import serve
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("mcp"):
            raise ValueError(MISSING) from None
        raise
    server: Server = context.obj
    serve(server.url, server.api_key)
