"""``sureflow keys``: create, list and revoke API keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from sureflow.cli import examples
from sureflow_server.keys.file import KeyFileError, changing, complaint, read
from sureflow_server.keys.key import SCOPES, Key
from sureflow_server.keys.token import digest, mint

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode="markdown", help="API keys: create, list, revoke."
)

File = Annotated[
    Path,
    typer.Option("--api-keys-file", envvar="SUREFLOW_API_KEYS_FILE", help="Where keys are kept."),
]


@app.command(
    epilog=examples(
        "sureflow keys create --api-keys-file keys.json --name lab --scope generate --scope edit",
        "sureflow keys create --api-keys-file keys.json --name ops --scope admin --expires 90d",
    )
)
def create(
    file: File,
    name: Annotated[str, typer.Option(help="What you call it, such as who will use it.")],
    scope: Annotated[
        list[str], typer.Option(help=f"What it is good for; repeat: {', '.join(SCOPES)}.")
    ],
    expires: Annotated[
        str | None, typer.Option(help="After how long, such as 90d, 12h, 2w; default never.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Samples a minute; default that of the server.")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Samples in flight; default that of the server.")
    ] = None,
) -> None:
    """Create a key. It is printed once and cannot be shown again; the file keeps a digest."""
    with _clear_errors(), changing(file) as keys:
        key_id, token = mint()
        now = datetime.now(UTC).replace(microsecond=0)
        fields = {
            "id": key_id,
            "name": name,
            "scopes": list(dict.fromkeys(scope)),
            "digest": digest(token),
            "created_at": now,
            "expires_at": None if expires is None else now + _duration(expires),
            "samples_per_minute": rate,
            "max_samples_in_flight": concurrency,
        }
        keys.append(Key.model_validate(fields))
    typer.echo(f"Key {key_id}. Keep the token; it is shown only now:", err=True)
    typer.echo(token)


@app.command("list", epilog=examples("sureflow keys list --api-keys-file keys.json"))
def show(file: File) -> None:
    """List the keys, oldest first, without their secrets."""
    with _clear_errors():
        keys = read(file)
    now = datetime.now(UTC)
    rows: list[tuple[str, ...]] = [
        ("ID", "NAME", "SCOPES", "STATE", "EXPIRES", "RATE", "CONCURRENCY")
    ]
    rows += [_row(key, now) for key in keys]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


@app.command(epilog=examples("sureflow keys revoke 3f9c1a --api-keys-file keys.json"))
def revoke(
    file: File,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As list shows it.")],
) -> None:
    """Withdraw a key. Running servers refuse it from their next request on."""
    with _clear_errors(), changing(file) as keys:
        found = next((place for place, key in enumerate(keys) if key.id == key_id), None)
        if found is None:
            raise KeyFileError(f"{file}: there is no key {key_id}")
        now = datetime.now(UTC).replace(microsecond=0)
        keys[found] = keys[found].model_copy(update={"revoked_at": keys[found].revoked_at or now})
    typer.echo(f"Key {key_id} is revoked.")


def _row(key: Key, now: datetime) -> tuple[str, ...]:
    return (
        key.id,
        key.name,
        ",".join(key.scopes),
        key.state(now),
        "-" if key.expires_at is None else f"{key.expires_at:%Y-%m-%d %H:%M}Z",
        "-" if key.samples_per_minute is None else f"{key.samples_per_minute:g}/min",
        "-" if key.max_samples_in_flight is None else str(key.max_samples_in_flight),
    )


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"([1-9][0-9]{0,4})([mhdw])", text, re.ASCII)
    if match is None:
        raise KeyFileError(f"--expires: {text!r} is no duration; write 90d, 12h, 30m or 2w")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Turn expected failures into one line on standard error and exit code 1."""
    try:
        yield
    except (ValidationError, KeyFileError) as error:
        reason = complaint(error) if isinstance(error, ValidationError) else str(error)
        typer.echo(f"sureflow: {reason}", err=True)
        raise typer.Exit(1) from None
