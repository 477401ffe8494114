"""``sureflow-client replay``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from .._exceptions import InvalidArgument
from .app import app, client, examples
from .sampling import what

DIFFERENT = 7

WORDS = {
    "equal": "the bytes are equal",
    "different": "it is NOT the same",
    "alike": "the score is equal; there are no bytes left to compare with",
    "unknown": "made again; there is nothing left to compare it with",
}


@app.command(
    epilog=examples(
        "replay recipe.json",
        "replay out/samples.jsonl --index 3 --save again.png",
        "replay - < handle.json",
    )
)
def replay(
    context: typer.Context,
    recipe: Annotated[
        Path,
        typer.Argument(
            help="JSON of the studio's button Recipe, the samples.jsonl of --out, or what GET "
            "/v1/handles/ID answers; - reads it from standard input.",
            allow_dash=True,
        ),
    ],
    index: Annotated[
        list[int] | None,
        what(help="Of samples.jsonl: only the sample of this index; may be repeated."),
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Write the sample to this file; of several, the last one.")
    ] = None,
) -> None:
    """Make samples again by their recipes, and say whether their bytes are equal.

    Bytes are equal on machines with the same kernels; see the numerics of sureflow-client models.
    """
    documents = _documents(recipe)
    if index:
        documents = [one for one in documents if one.get("index") in index]
    if not documents:
        raise InvalidArgument(f"{recipe} has no recipe of these")
    outcomes = []
    with client(context) as server:
        for document in documents:
            made = server.replay(document)
            outcomes.append(made.outcome)
            typer.echo(f"sample {made.sample.index}: {WORDS[made.outcome]}")
            if save is not None:
                save.write_bytes(made.sample.file()[1])
    if "different" in outcomes:
        raise typer.Exit(DIFFERENT)


def _documents(path: Path) -> list[dict[str, Any]]:
    """Return the JSON object in a file, or those of its lines."""
    text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    try:
        whole = [json.loads(text)]
    except ValueError:
        try:
            whole = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError as error:
            raise InvalidArgument(f"{path} is no JSON: {error}") from error
    if not all(isinstance(one, dict) for one in whole):
        raise InvalidArgument(f"{path} holds something other than JSON objects")
    return whole
