"""What the command ``sureflow-client`` says of itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from sureflow_client._cli import main
from sureflow_client._cli.app import EPILOG, app
from sureflow_client._cli.generate import TOO_FEW
from sureflow_client._cli.replay import DIFFERENT


def commands(command: Any, *names: str) -> Iterator[tuple[str, ...]]:
    """The names of all commands, groups included."""
    if names:
        yield names
    for name, one in getattr(command, "commands", {}).items():
        yield from commands(one, *names, name)


ALL = list(commands(get_command(app)))


def test_the_commands_are_there() -> None:
    assert {
        ("generate",),
        ("edit",),
        ("invert",),
        ("frames",),
        ("handles",),
        ("mcp",),
        ("models",),
        ("jobs", "list"),
        ("jobs", "show"),
        ("jobs", "wait"),
        ("jobs", "events"),
        ("jobs", "cancel"),
        ("top",),
        ("replay",),
    } <= set(ALL)


@pytest.mark.parametrize("names", ALL, ids=" ".join)
def test_help_has_examples(names: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*names, "--help"], prog_name="sureflow-client")
    assert done.exit_code == 0
    assert f"sureflow-client {' '.join(names)}" in done.stdout.partition("Example")[2]


def test_the_documented_exit_codes_are_those_that_there_are() -> None:
    told = {int(code) for code in re.findall(r"\b(\d+) [a-z]", EPILOG)}
    given = {code for _, code in main.CODES}
    assert told == given | {0, TOO_FEW, DIFFERENT, main.INTERRUPTED}
