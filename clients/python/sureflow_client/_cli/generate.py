"""``sureflow-client generate``."""

from __future__ import annotations

from typing import Annotated

import typer

from .._options import Filter, GenerateOptions
from . import sampling as ask
from .app import app, client
from .record import report

TOO_FEW = 6
USUAL_KEEP = 0.5

EXAMPLES = """
**Examples:**

    sureflow-client generate fashion --n 16 --label Sneaker --out out/ --sheet

    sureflow-client generate digits --label 3 --max-bad-rate 0.02 --accept 16 --out good/

    sureflow-client generate ring --n 100 --top 10 --json

    sureflow-client generate fashion --n 1000 --background
"""


@app.command(epilog=EXAMPLES)
def generate(
    context: typer.Context,
    model: ask.ModelArgument = None,
    n: Annotated[
        int | None, typer.Option(help="How many samples; by default 1.", rich_help_panel=ask.WHAT)
    ] = None,
    seed: ask.SeedOption = None,
    label: ask.LabelOption = None,
    guidance: ask.GuidanceOption = None,
    method: ask.MethodOption = None,
    steps: ask.StepsOption = None,
    tolerance: ask.ToleranceOption = None,
    score: ask.ScoreOption = None,
    min_confidence: Annotated[
        float | None,
        typer.Option("--min", help="Pass at this confidence.", rich_help_panel=ask.FILTER),
    ] = None,
    keep: Annotated[
        float | None,
        typer.Option(help="Pass this share of the surest.", rich_help_panel=ask.FILTER),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(help="Pass so many of the surest.", rich_help_panel=ask.FILTER),
    ] = None,
    max_bad_rate: Annotated[
        float | None,
        typer.Option(
            help="Pass so that at most this share is bad, as certified for the model.",
            rich_help_panel=ask.FILTER,
        ),
    ] = None,
    accept: Annotated[
        int | None,
        typer.Option(
            help="Go on until so many have passed; without another filter, those of the surer "
            "half.",
            rich_help_panel=ask.FILTER,
        ),
    ] = None,
    action: Annotated[
        ask.Action | None,
        typer.Option(
            help="What becomes of those that do not pass; by default drop.",
            rich_help_panel=ask.FILTER,
        ),
    ] = None,
    max_attempts: Annotated[
        int | None,
        typer.Option(
            help="With --accept: make at most so many times as many.", rich_help_panel=ask.FILTER
        ),
    ] = None,
    early: Annotated[
        bool,
        typer.Option(
            "--early", help="Stop early those that will not pass.", rich_help_panel=ask.FILTER
        ),
    ] = False,
    rewind: ask.RewindOption = None,
    profile: Annotated[
        bool,
        typer.Option("--profile", help="Record uncertainty over time.", rich_help_panel=ask.OUTPUT),
    ] = False,
    out: ask.OutOption = None,
    sheet: ask.SheetOption = False,
    exact: ask.ExactOption = False,
    as_json: ask.JsonOption = False,
    background: ask.BackgroundOption = False,
) -> None:
    """Generate samples and say how sure the model is of each."""
    ask.alone(background, out, as_json)
    if n is not None and accept is not None and n != accept:
        message = f"as many as shall pass, {accept}; or leave it out"
        raise typer.BadParameter(message, param_hint="--n")
    filter = _filter(
        min=min_confidence,
        keep=keep,
        top=top,
        max_bad_rate=max_bad_rate,
        accept=accept,
        action=action,
        max_attempts=max_attempts,
        early=early,
    )
    options: GenerateOptions = {
        "seed": seed,
        "label": ask.label_of(label),
        "guidance": guidance,
        "method": method,
        "steps": steps,
        "tolerance": tolerance,
        "score": score,
        "filter": filter,
        "rewind": rewind.value if rewind else None,
        "profile": profile,
        "output": "npy" if exact else None,
    }
    with client(context) as server:
        if background:
            typer.echo(server.jobs.generate(model, None if accept else n, **options).id)
            return
        result = server.generate(model, None if accept else n, progress=not as_json, **options)
    report(result, out=out, sheet=sheet, exact=exact, as_json=as_json)
    passed = len(result.accepted())
    if accept is not None and passed < accept:
        typer.secho(f"only {passed} of {accept} samples passed", err=True, fg="yellow")
        raise typer.Exit(TOO_FEW)


def _filter(*, action: ask.Action | None, early: bool, **bounds: float | None) -> Filter | None:
    """Return the filter of a request, if anything is said of one."""
    said = {name: value for name, value in bounds.items() if value is not None}
    if not said and action is None and not early:
        return None
    if {*said} <= {"accept", "max_attempts"}:
        said["keep"] = USUAL_KEEP
    filter = {**said, "action": action.value if action else "drop"}
    return {**filter, "early": True} if early else filter  # type: ignore[return-value]
