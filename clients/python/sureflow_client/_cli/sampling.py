"""Options that several subcommands have."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from .complete import handle_names, model_names, sampler_names, score_names


class Keep(str, Enum):
    """What ``--rewind`` keeps of trajectories."""

    COMMIT = "commit"
    ALL = "all"


class Action(str, Enum):
    """What becomes of samples that do not pass."""

    ANNOTATE = "annotate"
    DROP = "drop"
    REGENERATE = "regenerate"
    REWIND = "rewind"


WHAT, HOW, FILTER, OUTPUT = "What", "How", "Filter", "Output"

ModelArgument = Annotated[
    str | None,
    typer.Argument(help="Name of a model; by default the server's.", autocompletion=model_names),
]
HandleArgument = Annotated[
    str,
    typer.Argument(
        help="Id of a handle; generate --rewind and handles print them.",
        autocompletion=handle_names,
    ),
]
SeedOption = Annotated[
    int | None,
    typer.Option(help="Same seed, same samples; by default drawn.", rich_help_panel=WHAT),
]
LabelOption = Annotated[
    str | None, typer.Option(help="Number or name of a class.", rich_help_panel=WHAT)
]
GuidanceOption = Annotated[
    float | None,
    typer.Option(help="Scale of classifier-free guidance.", rich_help_panel=WHAT),
]
MethodOption = Annotated[
    str | None,
    typer.Option(
        help="Solver: one of the samplers that sureflow-client models NAME lists.",
        autocompletion=sampler_names,
        rich_help_panel=HOW,
    ),
]
StepsOption = Annotated[
    int | None, typer.Option(help="Solver steps of every sample.", rich_help_panel=HOW)
]
ToleranceOption = Annotated[
    float | None,
    typer.Option(
        help="Error per step, in place of steps: every sample then chooses its own.",
        rich_help_panel=HOW,
    ),
]
ScoreOption = Annotated[
    str | None,
    typer.Option(
        help="The score that confidence is of; by default the model's.",
        autocompletion=score_names,
        rich_help_panel=HOW,
    ),
]
RewindOption = Annotated[
    Keep | None,
    typer.Option(
        help="Give every sample a handle, for edit and frames, with key frames kept at the "
        "commit point or at all steps.",
        rich_help_panel=OUTPUT,
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder for the samples and their record, samples.jsonl.",
        is_eager=True,  # the sheet asks for it
        rich_help_panel=OUTPUT,
    ),
]


def _with_out(context: typer.Context, sheet: bool) -> bool:
    if sheet and context.params["out"] is None:
        raise typer.BadParameter("needs --out", param_hint="--sheet")
    return sheet


SheetOption = Annotated[
    bool,
    typer.Option(
        "--sheet",
        callback=_with_out,
        help="Also write sheet.png: what passed, the surest first, each with its confidence.",
        rich_help_panel=OUTPUT,
    ),
]
ExactOption = Annotated[
    bool,
    typer.Option(
        "--exact", help="Write .npy files with the exact numbers.", rich_help_panel=OUTPUT
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print the record as JSON lines in place of a table.",
        rich_help_panel=OUTPUT,
    ),
]
BackgroundOption = Annotated[
    bool,
    typer.Option(
        "--background",
        help="Do not wait: print the id of a job, for sureflow-client jobs.",
        rich_help_panel=OUTPUT,
    ),
]


def alone(background: bool, out: Path | None, as_json: bool) -> None:
    """Raise for options that say what to do with samples that are not waited for."""
    if background and (out is not None or as_json):
        raise typer.BadParameter("is for sureflow-client jobs wait", param_hint="--out, --json")


def label_of(text: str | None) -> int | str | None:
    """Return a class as requests have it: numbers as such."""
    return int(text) if text is not None and text.isdecimal() else text
