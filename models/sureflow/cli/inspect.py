"""``sureflow inspect``."""

from __future__ import annotations

import json

import typer

from sureflow.cli.app import command
from sureflow.cli.options import Folder, Plugins


@command(
    "sureflow inspect fashion",
    "sureflow inspect my-moons --plugin moon-flow=my_package.flow:Flow",
)
def inspect(folder: Folder, plugins: Plugins = None) -> None:
    """Check a checkpoint folder and print its card, files, checksums and tensors as JSON."""
    from sureflow.inspection import inspect as look_into

    typer.echo(json.dumps(look_into(folder), indent=2))
