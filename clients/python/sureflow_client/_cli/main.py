"""Where the command begins, and what becomes of errors."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from .. import _exceptions as errors
from .._names import ELSEWHERE
from . import edit, frames, generate, handles, invert, jobs, mcp, models, replay, review, top
from .app import app

__all__ = [
    "edit",
    "frames",
    "generate",
    "handles",
    "invert",
    "jobs",
    "main",
    "mcp",
    "models",
    "replay",
    "review",
    "top",
]

SERVER_FAILED, WRONG, NO_ANSWER, NOT_ALLOWED, BUSY = 1, 2, 3, 4, 5
INTERRUPTED = 130
PROGRAM = "sureflow-client"

CODES: tuple[tuple[type[Exception], int], ...] = (
    (errors.APIConnectionError, NO_ANSWER),
    (errors.AuthenticationError, NOT_ALLOWED),
    (errors.PermissionDenied, NOT_ALLOWED),
    (errors.QueueFull, BUSY),
    (errors.NotReady, BUSY),
    (errors.StoreUnavailable, BUSY),
    (errors.ServerError, SERVER_FAILED),
    (errors.UnexpectedResponse, SERVER_FAILED),
    (errors.SureflowError, WRONG),
    (ValueError, WRONG),
    (OSError, WRONG),
)
"""The first that fits."""

ADVICE: tuple[tuple[type[Exception], str], ...] = (
    (errors.APIConnectionError, "is the server running? name it by --url or SUREFLOW_URL"),
    (errors.UnexpectedResponse, "is this a Sureflow server? name it by --url or SUREFLOW_URL"),
    (errors.AuthenticationError, "give a key by --api-key or SUREFLOW_API_KEY"),
    (errors.UnknownModel, "sureflow-client models lists those that there are"),
    (errors.UnknownHandle, "sureflow-client handles lists those that there are"),
    (errors.UnknownJob, "sureflow-client jobs list shows those that there are"),
    (errors.ModelUnloaded, "sureflow-client models NAME --load takes it into service again"),
    (errors.Gone, "the same generate request, with its seed, makes it again"),
)


OPTIONS = ("guidance", "label", "method", "n", "seed", "size", "steps", "tolerance")
"""Options of the command that other packages have by other names."""


def _hint(words: Sequence[str]) -> None:
    """Say what options of other packages are called here."""
    for word in words:
        option = word.partition("=")[0]
        meant = ELSEWHERE.get(option.removeprefix("--").replace("-", "_"))
        if option.startswith("--") and meant in OPTIONS:
            typer.echo(f"  {option} is --{meant} here", err=True)


def main() -> None:
    """Run the command; errors become a line on stderr and an exit code."""
    try:
        app(prog_name=PROGRAM)
    except SystemExit as end:
        if end.code == WRONG:
            _hint(sys.argv[1:])
        raise
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except tuple(kind for kind, _ in CODES) as error:
        typer.secho(f"sureflow-client: {error}", err=True, fg="red")
        for kind, advice in ADVICE:
            if isinstance(error, kind):
                typer.echo(f"  {advice}", err=True)
        sys.exit(next(code for kind, code in CODES if isinstance(error, kind)))
