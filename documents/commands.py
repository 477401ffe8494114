"""The page on the commands, from their own parsers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from documents.table import code, table

HEAD = """# Commands

Everything that the commands take, as they say it themselves (`--help`). `make setup` installs them
in `.venv/bin`.

"""
COMPLETION = ("install_completion", "show_completion")
"""What every command of this kind can do."""


def parsers() -> dict[str, Any]:
    """Return the parsers of our commands, by the name of the command."""
    from typer.main import get_command

    # They add subcommands to what is imported below.
    import sureflow_client._cli.main  # noqa: F401
    import sureflow_server.cli  # noqa: F401
    from sureflow.cli import app as server
    from sureflow_client._cli.app import app as client

    return {"sureflow": get_command(server), "sureflow-client": get_command(client)}


def leaves(command: Any, *words: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the commands that do something, each with the words by which it is called."""
    below = getattr(command, "commands", None)
    if below is None:
        yield words, command
        return
    for name, one in below.items():
        yield from leaves(one, *words, name)


def page() -> str:
    """Return the page: every command with its arguments, options and examples."""
    parts = [HEAD]
    for name, parser in parsers().items():
        parts += [f"## {name}\n", _paragraphs(parser.help), _options(parser)]
        parts += [_section(words, one) for words, one in leaves(parser, name)]
        parts.append(_paragraphs(parser.epilog))
    return "\n".join(parts)


def _section(words: tuple[str, ...], command: Any) -> str:
    parts = [f"### {' '.join(words)}\n", _paragraphs(command.help), _options(command)]
    return "\n".join((*parts, _paragraphs(command.epilog)))


def _paragraphs(text: str | None) -> str:
    """Return what a parser says; examples as one block, not as so many."""
    return (text or "").replace("\n\n    ", "\n    ").replace("\n    ", "\n\n    ", 1) + "\n"


def _options(command: Any) -> str:
    rows = [_row(one) for one in command.params if one.name not in COMPLETION]
    return table(("option", "takes", "default", "meaning"), rows) if rows else ""


def _row(parameter: Any) -> tuple[str, ...]:
    names = [*parameter.opts, *parameter.secondary_opts]
    if parameter.param_type_name == "argument":
        names = [parameter.metavar or parameter.name.upper()]
    given = parameter.default
    nothing = given is None or given is False or callable(given)
    default = "required" if parameter.required else "" if nothing else code(given)
    return ", ".join(map(code, names)), _taken(parameter), default, parameter.help or ""


def _taken(parameter: Any) -> str:
    """What a value may be."""
    if getattr(parameter, "is_flag", False):
        return ""
    kind: Any = parameter.type_descriptor.annotation
    if get_origin(kind) is Literal:
        return ", ".join(map(code, get_args(kind)))
    named = {Path: "path", str: "text", int: "integer", float: "number", bool: "yes or no"}
    said = named.get(next(iter(get_args(kind)), kind), "text")
    return f"{said}, repeatable" if parameter.multiple else said
