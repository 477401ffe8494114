"""The command ``sureflow``, to which every file beside this one adds its own."""

from __future__ import annotations

from typing import Annotated

import typer

from sureflow.numerics import decide

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.callback()
def choose_kernels(
    portable: Annotated[
        bool,
        typer.Option(
            "--portable", help="The same bits on all x86 machines with AVX2, which is slower."
        ),
    ] = False,
) -> None:
    """Train flow models that know how sure they are, and serve them."""
    if portable:
        decide(portable=True)


def examples(*lines: str) -> str:
    """Return the end of a help page: commands, as they are typed."""
    return "\n\n".join(["**Examples:**", *(f"    {line}" for line in lines)])
