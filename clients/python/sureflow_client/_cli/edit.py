"""``sureflow-client edit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import PIL.Image
import typer

from .._html import confidence_text
from .._moment import At, AtCommit, AtStep, AtTime
from .._operations import Condition, Inpaint, OperationLike, Region, Resample, Uncertain
from .app import app, client, examples
from .record import report
from .sampling import BackgroundOption, HandleArgument, Output, image, json_object, sampling, what


@app.command(
    epilog=examples(
        "edit hdl_… --resample 1 --uncertain 0.2 --branches 8 --out edits/ --sheet",
        "edit hdl_… --at 0.4 --label Coat",
        "edit hdl_… --at 0 --inpaint mask.png --branches 4",
    )
)
@sampling
def edit(
    context: typer.Context,
    options: dict[str, Any],
    output: Output,
    handle: HandleArgument,
    at: Annotated[
        str,
        what(
            help="Where to leave the trajectory: a time 0 <= t < 1, step:3, commit, or commit:2 "
            "for the second commit point."
        ),
    ] = "commit",
    shift: Annotated[float, what(help="Added to the time of the commit point.")] = 0.0,
    resample: Annotated[
        float | None, what(help="Draw the noise anew, all of it (1) or a part.")
    ] = None,
    uncertain: Annotated[
        float | None,
        what(help="With --resample: only in this share of the least sure components."),
    ] = None,
    mask: Annotated[
        Path | None, image(help="With --resample: only where this image is bright.")
    ] = None,
    inpaint: Annotated[
        Path | None,
        image(help="Hold the sample where this image is bright, and make the rest anew."),
    ] = None,
    operation: Annotated[
        list[str] | None,
        what(
            help="Another operation that sureflow-client models NAME lists, as JSON with its type; "
            "may be repeated.",
            metavar="JSON",
        ),
    ] = None,
    branches: Annotated[
        int | None, what("--branches", "-n", help="Alternatives; by default 1.")
    ] = None,
    background: BackgroundOption = False,
) -> None:
    """Resume a trajectory at one of its moments and redirect it."""
    output.needs_samples(background)
    folder = output.begin()
    operations: list[OperationLike] = []
    if resample is not None:
        operations.append(Resample(resample, _region(uncertain, mask)))
    elif uncertain is not None or mask is not None:
        raise typer.BadParameter("needs --resample", param_hint="--uncertain, --mask")
    label, guidance = options.pop("label"), options.pop("guidance")
    if label is not None or guidance is not None:
        operations.append(Condition(label, guidance))
    if inpaint is not None:
        operations.append(Inpaint(PIL.Image.open(inpaint)))
    operations += [json_object(text, "--operation") for text in operation or ()]
    options |= {"at": _at(at, shift), "branches": branches}
    with client(context) as server:
        if background:
            typer.echo(server.jobs.edit(handle, operations, **options).id)
            return
        result = server.edit(handle, operations, **options)
    report(result, output, folder)
    if not output.as_json:
        sure = confidence_text(result.original)
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
