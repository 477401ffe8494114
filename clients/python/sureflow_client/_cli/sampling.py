"""Arguments that several subcommands have, and the options of those that make samples."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from .complete import format_names, handle_names, model_names, sampler_names, score_names
from .folder import Folder

what, how, filtering, recorded = (
    partial(typer.Option, rich_help_panel=panel) for panel in ("What", "How", "Filter", "Output")
)
"""Options by the panel of the help that they are in."""

image = partial(what, exists=True, dir_okay=False)

MODEL = "Name of a model; by default the server's."
ModelArgument = Annotated[str | None, typer.Argument(help=MODEL, autocompletion=model_names)]
HandleArgument = Annotated[
    str,
    typer.Argument(
        help="Id of a handle; generate --rewind and handles print them.",
        autocompletion=handle_names,
    ),
]


def _with_out(context: typer.Context, sheet: bool) -> bool:
    if sheet and context.params["out"] is None:
        raise typer.BadParameter("needs --out", param_hint="--sheet")
    return sheet


OutOption = Annotated[
    Path | None,
    # The sheet asks for it.
    recorded(
        "--out",
        "-o",
        help="Folder for the samples and their record, samples.jsonl; not one of another run.",
        is_eager=True,
    ),
]
ForceOption = Annotated[
    bool, recorded("--force", help="Replace the run that is in the folder of --out.")
]
SheetOption = Annotated[
    bool,
    recorded(
        "--sheet",
        callback=_with_out,
        help="Also write sheet.png: what passed, the surest first, each with its confidence.",
    ),
]
JsonOption = Annotated[
    bool, recorded("--json", help="Print the record as JSON lines in place of a table.")
]
BackgroundOption = Annotated[
    bool,
    recorded("--background", help="Do not wait: print the id of a job, for sureflow-client jobs."),
]


@dataclass(frozen=True)
class Output:
    """What becomes of a result.

    Attributes:
        out: Folder for the samples that passed, and for the record.
        sheet: Whether a picture of all of them goes there too.
        as_json: Whether the record is printed, in place of a table.
        force: Whether a run that is in the folder already is replaced.
    """

    out: Path | None
    sheet: bool
    as_json: bool
    force: bool = False

    def begin(self) -> Folder | None:
        """Return the folder, which holds no other run any more; ``None`` if none is wanted.

        Raises:
            InvalidArgument: It holds another run, and shall not lose it.
            OSError: It cannot be written to.
        """
        if self.out is None:
            return None
        folder = Folder(self.out)
        folder.begin(self.force)
        return folder

    def needs_samples(self, background: bool) -> None:
        """Raise for options that say what to do with samples that are not waited for."""
        if background and (self.out is not None or self.as_json):
            raise typer.BadParameter("is for sureflow-client jobs wait", param_hint="--out, --json")


def _chosen(
    seed: Annotated[int | None, what(help="Same seed, same samples; by default drawn.")] = None,
    label: Annotated[str | None, what(help="Number or name of a class.")] = None,
    guidance: Annotated[float | None, what(help="Scale of classifier-free guidance.")] = None,
    method: Annotated[
        str | None,
        how(
            help="Solver: one of the samplers that sureflow-client models NAME lists.",
            autocompletion=sampler_names,
        ),
    ] = None,
    steps: Annotated[int | None, how(help="Solver steps of every sample.")] = None,
    tolerance: Annotated[
        float | None, how(help="Error per step, in place of steps: every sample chooses its own.")
    ] = None,
    sampler: Annotated[
        str | None, how(help="What else the solver is told, as JSON.", metavar="JSON")
    ] = None,
    score: Annotated[
        str | None,
        how(
            help="The score that confidence is of; by default the model's.",
            autocompletion=score_names,
        ),
    ] = None,
    rewind: Annotated[
        str | None,
        recorded(
            help="Give every sample a handle, for edit and frames, with key frames kept at the "
            "commit point (commit) or at all steps (all).",
        ),
    ] = None,
    out: OutOption = None,
    sheet: SheetOption = False,
    format: Annotated[
        str | None,
        recorded(
            help="Encoding of the samples: one of the formats that sureflow-client models NAME "
            "lists.",
            autocompletion=format_names,
        ),
    ] = None,
    exact: Annotated[
        bool, recorded("--exact", help="Write .npy files with the exact numbers.")
    ] = False,
    as_json: JsonOption = False,
    force: ForceOption = False,
) -> dict[str, Any]:
    """Return what these come to: ``options`` of a request, and an ``output``."""
    options = {
        "seed": seed,
        "label": int(label) if label is not None and label.isdecimal() else label,
        "guidance": guidance,
        "method": method,
        "steps": steps,
        "tolerance": tolerance,
        "sampler": None if sampler is None else json_object(sampler, "--sampler"),
        "score": score,
        "rewind": rewind,
        "output": "npy" if exact else format,
    }
    return {"options": options, "output": Output(out, sheet, as_json, force)}


def json_object(text: str, option: str) -> dict[str, Any]:
    """Return the JSON object that an option is given as."""
    try:
        said = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"is no JSON: {error}", param_hint=option) from error
    if not isinstance(said, dict):
        raise typer.BadParameter("is no JSON object", param_hint=option)
    return said


def sampling(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of all that make samples.

    It is called with ``options`` for the method of the client, and with an `Output`.
    """
    shared = inspect.signature(_chosen, eval_str=True).parameters
    own = inspect.signature(command, eval_str=True).parameters

    @wraps(command)
    def run(**given: Any) -> None:
        common = {name: given.pop(name) for name in shared}
        command(**given, **_chosen(**common))

    kept = [one for name, one in own.items() if name not in ("options", "output")]
    together = [one.replace(kind=one.KEYWORD_ONLY) for one in (*kept, *shared.values())]
    run.__signature__ = inspect.Signature(together)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in together}
    return run
