"""The command ``sureflow``, to which every file beside this one adds its own."""

from __future__ import annotations

import typer

app = typer.Typer(
    help="Train flow models that know how sure they are, and serve them.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def examples(*lines: str) -> str:
    """Return the end of a help page: commands, as they are typed."""
    return "\n\n".join(["**Examples:**", *(f"    {line}" for line in lines)])
