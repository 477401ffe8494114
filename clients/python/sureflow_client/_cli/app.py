"""The command, and what all of its subcommands have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from .._base import DEFAULT_URL
from .._headers import API_KEY
from .._sync.client import Client
from .._version import __version__

URL = "SUREFLOW_URL"
"""Environment variable with the address of the server, for those who give none."""

EPILOG = """
**Exit codes:** 0 done · 1 the server failed · 2 the request is wrong · 3 no answer ·
4 not allowed · 5 the server is busy or not ready · 6 fewer samples passed than were asked for ·
7 a replayed sample is not the same · 130 interrupted
"""

app = typer.Typer(
    name="sureflow-client",
    help="Ask a Sureflow server for samples, see how sure it is of them, and redirect them.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@dataclass(frozen=True)
class Server:
    """Where the server is and with which key it is asked."""

    url: str
    api_key: str | None

    def client(self) -> Client:
        """Return a client of it."""
        return Client(self.url, api_key=self.api_key)


def examples(*commands: str) -> str:
    """Return the end of a subcommand's help."""
    return "\n\n".join(("**Examples:**", *(f"    sureflow-client {one}" for one in commands)))


def client(context: typer.Context) -> Client:
    """Return a client of the server that the command names."""
    server: Server = context.obj
    return server.client()


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sureflow-client {__version__}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    url: Annotated[
        str, typer.Option(envvar=URL, help="Where the server listens.", metavar="URL")
    ] = DEFAULT_URL,
    api_key: Annotated[
        str | None, typer.Option(envvar=API_KEY, help="For a server that wants one.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print and exit.")
    ] = False,
) -> None:
    """Ask a Sureflow server for samples, see how sure it is of them, and redirect them."""
    context.obj = Server(url, api_key)
