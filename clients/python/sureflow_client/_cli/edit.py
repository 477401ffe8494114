"""``sureflow-client edit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import PIL.Image
import typer

from .._moment import At, AtCommit, AtStep, AtTime
from .._operations import Condition, Inpaint, Operation, Region, Resample, Uncertain
from .._options import EditOptions
from . import sampling as ask
from .app import app, client
from .record import report

EXAMPLES = """
**Examples:**

    sureflow-client edit hdl_… --resample 1 --uncertain 0.2 --branches 8 --out edits/ --sheet

    sureflow-client edit hdl_… --at 0.4 --label Coat

    sureflow-client edit hdl_… --at 0 --inpaint mask.png --branches 4
"""


@app.command(epilog=EXAMPLES)
def edit(
    context: typer.Context,
    handle: ask.HandleArgument,
    at: Annotated[
        str,
        typer.Option(
            help="Where to leave the trajectory: a time 0 <= t < 1, step:3, commit, or commit:2 "
            "for the second commit point.",
            rich_help_panel=ask.WHAT,
        ),
    ] = "commit",
    shift: Annotated[
        float,
        typer.Option(help="Added to the time of the commit point.", rich_help_panel=ask.WHAT),
    ] = 0.0,
    resample: Annotated[
        float | None,
        typer.Option(
            help="Draw the noise anew, all of it (1) or a part.", rich_help_panel=ask.WHAT
        ),
    ] = None,
    uncertain: Annotated[
        float | None,
        typer.Option(
            help="With --resample: only in this share of the least sure components.",
            rich_help_panel=ask.WHAT,
        ),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            help="With --resample: only where this image is bright.",
            exists=True,
            dir_okay=False,
            rich_help_panel=ask.WHAT,
        ),
    ] = None,
    inpaint: Annotated[
        Path | None,
        typer.Option(
            help="Hold the sample where this image is bright, and make the rest anew.",
            exists=True,
            dir_okay=False,
            rich_help_panel=ask.WHAT,
        ),
    ] = None,
    label: ask.LabelOption = None,
    guidance: ask.GuidanceOption = None,
    branches: Annotated[
        int | None, typer.Option(help="Alternatives; by default 1.", rich_help_panel=ask.WHAT)
    ] = None,
    seed: ask.SeedOption = None,
    method: ask.MethodOption = None,
    steps: ask.StepsOption = None,
    tolerance: ask.ToleranceOption = None,
    score: ask.ScoreOption = None,
    rewind: ask.RewindOption = None,
    out: ask.OutOption = None,
    sheet: ask.SheetOption = False,
    exact: ask.ExactOption = False,
    as_json: ask.JsonOption = False,
    background: ask.BackgroundOption = False,
) -> None:
    """Resume a trajectory at one of its moments and redirect it."""
    ask.alone(background, out, as_json)
    operations: list[Operation] = []
    if resample is not None:
        operations.append(Resample(resample, _region(uncertain, mask)))
    elif uncertain is not None or mask is not None:
        raise typer.BadParameter("needs --resample", param_hint="--uncertain, --mask")
    if label is not None or guidance is not None:
        operations.append(Condition(ask.label_of(label), guidance))
    if inpaint is not None:
        operations.append(Inpaint(PIL.Image.open(inpaint)))
    options: EditOptions = {
        "at": _at(at, shift),
        "branches": branches,
        "seed": seed,
        "method": method,
        "steps": steps,
        "tolerance": tolerance,
        "score": score,
        "rewind": rewind.value if rewind else None,
        "output": "npy" if exact else None,
    }
    with client(context) as server:
        if background:
            typer.echo(server.jobs.edit(handle, operations, **options).id)
            return
        result = server.edit(handle, operations, **options)
    report(result, out=out, sheet=sheet, exact=exact, as_json=as_json)
    if not as_json:
        original = result.original.confidence
        sure = "?" if original is None else f"{original:.4g}"
        best = "the original" if result.chosen is None else f"branch {result.best.index}"
        typer.echo(f"from t = {result.at.t:.3g}; the original has {sure}; surest: {best}")


def _at(text: str, shift: float) -> At:
    kind, _, number = text.partition(":")
    try:
        if kind == "commit":
            return AtCommit(int(number or 1), shift)
        if kind == "step":
            return AtStep(int(number))
        return AtTime(float(text))
    except ValueError as error:
        message = "a time, step:NUMBER, commit or commit:NUMBER"
        raise typer.BadParameter(message, param_hint="--at") from error


def _region(uncertain: float | None, mask: Path | None) -> Region:
    if uncertain is not None and mask is not None:
        raise typer.BadParameter("one of them", param_hint="--uncertain, --mask")
    if uncertain is not None:
        return Uncertain(uncertain)
    return "all" if mask is None else PIL.Image.open(mask)
