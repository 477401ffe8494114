"""The command ``sureflow``; every other file of this package adds a subcommand."""

from __future__ import annotations

import os
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from sureflow.numerics import decide, is_portable

EPILOG = """
**Exit codes:** 0 done · 1 it could not be done, and a line says why · 2 the command line is wrong ·
130 interrupted
"""

app = typer.Typer(
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sureflow {version('sureflow')}")
        raise typer.Exit


@app.callback()
def choose_kernels(
    portable: Annotated[
        bool,
        typer.Option(
            "--portable", help="The same bits on all x86 machines with AVX2, which is slower."
        ),
    ] = False,
    told: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print and exit.")
    ] = False,
) -> None:
    """Train generative models that know how sure they are, and serve them."""
    if portable and not is_portable():
        decide(portable=True)
        if "--portable" in sys.argv:  # numpy has loaded by now: begin anew, decided
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def typed() -> str:
    """Return how this command was called, so that another one that is printed can be called too.

    It is ``sureflow`` where that is on the path, or a module was run.
    """
    called = sys.argv[0]
    found = shutil.which("sureflow")
    by_name = found is not None and Path(called).exists() and Path(found).samefile(called)
    return "sureflow" if by_name or Path(called).name != "sureflow" else called


def examples(*lines: str) -> str:
    """Return the end of a help page: commands, as they are typed."""
    return "\n\n".join(["**Examples:**", *(f"    {line}" for line in lines)])


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn expected failures into one line on standard error and exit code 1."""
    from pydantic import ValidationError

    from sureflow.checkpoint import CheckpointError

    try:
        yield
    except ValidationError as error:
        for problem in error.errors():
            field = ".".join(str(part) for part in problem["loc"])
            typer.echo(f"error: {field}: {problem['msg']}", err=True)
        raise typer.Exit(1) from error
    except (CheckpointError, OSError, ValueError, tomllib.TOMLDecodeError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


def command(
    *lines: str, name: str | None = None
) -> Callable[[Callable[..., None]], Callable[..., Any]]:
    """Make a function a subcommand with clear errors and these examples, by default by its name."""
    return lambda function: app.command(name, epilog=examples(*lines))(clear_errors()(function))
