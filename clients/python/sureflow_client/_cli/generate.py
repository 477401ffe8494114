"""``sureflow-client generate``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from .._options import Filter
from .._request import generate_body
from .app import app, client, examples
from .complete import size_names
from .folder import Folder
from .record import report
from .run import resume as resumed
from .run import run
from .sampling import (
    BackgroundOption,
    ModelArgument,
    Output,
    filtering,
    recorded,
    sampling,
    what,
)

TOO_FEW = 6
USUAL_KEEP = 0.5


@app.command(
    epilog=examples(
        "generate fashion -n 16 --label Sneaker -o out/ --sheet",
        "generate fashion -n 1 --seed 7 --first 2",
        "generate digits --label 3 --max-bad-rate 0.02 --accept 16 --out good/",
        "generate digits --label 3 --any-good 0.99",
        "generate digits --labels 3,5 --n 20 --top 4 --stratify",
        "generate ring --n 100 --top 10 --json",
        "generate fashion --n 1000 --background",
        "generate my-unet --n 4 --size 32x32 --out wide/",
    )
)
@sampling
def generate(
    context: typer.Context,
    options: dict[str, Any],
    output: Output,
    model: ModelArgument = None,
    n: Annotated[int | None, what("--n", "-n", help="How many samples; by default 1.")] = None,
    first: Annotated[
        int | None,
        what(help="Index of the first one; with the seed of a sample, its own makes it alone."),
    ] = None,
    size: Annotated[
        str | None,
        what(
            help="Height and width, such as 32x32, or length: one of the sizes that "
            "sureflow-client models NAME lists.",
            autocompletion=size_names,
        ),
    ] = None,
    labels: Annotated[
        str | None,
        what(help="Classes that take turns, in place of --label: numbers or names, such as 3,5."),
    ] = None,
    min_confidence: Annotated[
        float | None, filtering("--min", help="Pass at this confidence.")
    ] = None,
    keep: Annotated[float | None, filtering(help="Pass this share of the surest.")] = None,
    top: Annotated[int | None, filtering(help="Pass so many of the surest.")] = None,
    max_bad_rate: Annotated[
        float | None,
        filtering(help="Pass so that at most this share is bad, as certified for the model."),
    ] = None,
    per_class: Annotated[
        bool, filtering("--per-class", help="With --max-bad-rate: in every class at once.")
    ] = False,
    any_good: Annotated[
        float | None,
        filtering(
            help="Pass as few as make sure, with this probability, that one of them is good; --n "
            "is the most to make."
        ),
    ] = None,
    stratify: Annotated[
        bool, filtering("--stratify", help="With --labels: as many of each pass.")
    ] = False,
    accept: Annotated[
        int | None,
        filtering(
            help="Go on until so many have passed; without another filter, those of the surer half."
        ),
    ] = None,
    action: Annotated[
        str | None,
        filtering(
            help="What becomes of those that do not pass: annotate, drop, regenerate or rewind; by "
            "default drop."
        ),
    ] = None,
    max_attempts: Annotated[
        int | None, filtering(help="With --accept: make at most so many times as many.")
    ] = None,
    early: Annotated[
        bool, filtering("--early", help="Stop early those that will not pass.")
    ] = False,
    halving: Annotated[
        bool,
        filtering(
            "--halving",
            help="With --top, --keep or --accept: compare the samples on the way, and stop the "
            "less sure half three times.",
        ),
    ] = False,
    profile: Annotated[bool, recorded("--profile", help="Record uncertainty over time.")] = False,
    background: BackgroundOption = False,
    resume: Annotated[
        bool,
        recorded("--resume", help="Go on with the run in the folder of --out that broke off."),
    ] = False,
) -> None:
    """Generate samples and say how sure the model is of each.

    With --out each is written as soon as it is finished, so that Ctrl-C loses nothing.
    """
    output.needs_samples(background)
    if resume and output.out is None:
        raise typer.BadParameter("needs --out", param_hint="--resume")
    if n is not None and accept is not None and n != accept:
        message = f"as many as shall pass, {accept}; or leave it out"
        raise typer.BadParameter(message, param_hint="--n")
    options |= {"profile": profile, "size": _size(size), "first": first, "labels": _labels(labels)}
    options["filter"] = _filter(
        min=min_confidence,
        keep=keep,
        top=top,
        max_bad_rate=max_bad_rate,
        per="class" if per_class else None,
        any_good=any_good,
        stratify=stratify or None,
        accept=accept,
        action=action,
        max_attempts=max_attempts,
        early="halving" if halving else early,
    )
    n, progress = None if accept else n, not output.as_json
    with client(context) as server:
        if background:
            typer.echo(server.jobs.generate(model, n, **options).id)
            return
        folder = Folder(output.out) if resume and output.out else output.begin()
        body = generate_body(model, n, **options)
        if folder is None:
            result = server.generate(model, n, progress=progress, **options)
        elif resume:
            said = body if options["seed"] is not None else {**body, "seed": None}
            result = resumed(server, folder, said, progress)
        else:
            result = run(server, body, folder, progress)
    report(result, output, folder)
    passed, found = len(result.accepted()), result.selection
    if accept is not None and passed < accept:
        typer.secho(f"only {passed} of {accept} samples passed", err=True, fg="yellow")
        raise typer.Exit(TOO_FEW)
    if any_good is not None and found is not None and (found.any_good or 0) < any_good:
        message = f"one is good at {found.any_good or 0:.3g} only; a larger --n may do"
        typer.secho(message, err=True, fg="yellow")
        raise typer.Exit(TOO_FEW)


def _labels(text: str | None) -> list[int | str] | None:
    """Return the numbers and names of classes in a list such as 3,5."""
    if text is None:
        return None
    return [int(part) if part.isdecimal() else part for part in text.split(",")]


def _size(text: str | None) -> list[int] | None:
    """Return the numbers of a size such as 32x32."""
    if text is None:
        return None
    parts = text.split("x")
    if not all(part.isdecimal() for part in parts):
        raise typer.BadParameter("is not of the form 32x32, or 64", param_hint="--size")
    return [*map(int, parts)]


def _filter(
    *, action: str | None, early: bool | Literal["halving"], **bounds: float | str | None
) -> Filter | None:
    """Return the filter of a request, if anything is said of one."""
    said = {name: value for name, value in bounds.items() if value is not None}
    if not said and action is None and not early:
        return None
    if {*said} <= {"accept", "max_attempts", "stratify"}:
        said["keep"] = USUAL_KEEP
    filter = {**said, "action": action or "drop"}
    return {**filter, "early": early} if early else filter  # type: ignore[return-value]
