"""``sureflow-client jobs``."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from .._calibration import Calibration
from .._events import Completed, Event, Queued, SampleEvent, Started
from .._html import confidence_text
from .._job import Job, JobSummary
from .._refit import Refit
from . import sampling as ask
from .app import app, client, examples
from .complete import job_names
from .record import report, summary

jobs = typer.Typer(rich_markup_mode="markdown")
app.add_typer(jobs, name="jobs")

JobArgument = Annotated[
    str,
    typer.Argument(
        metavar="JOB", help="Its id; --background and list print it.", autocompletion=job_names
    ),
]
LinesOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@jobs.callback(
    invoke_without_command=True,
    epilog=examples(
        "generate fashion --n 1000 --background", "jobs wait job_… --out out/ --sheet", "jobs"
    ),
)
def common(context: typer.Context) -> None:
    """Requests in the background: list (the default), show, wait for, follow, cancel."""
    if context.invoked_subcommand is None:
        listing(context)


@jobs.command("list", epilog=examples("jobs list", "jobs list --limit 1 --json"))
def listing(
    context: typer.Context,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1000)] = 100,
    as_json: LinesOption = False,
) -> None:
    """List your jobs, newest first: those that run, and those not forgotten yet."""
    with client(context) as server:
        found = server.jobs.list(limit)
    if as_json:
        for job in found:
            typer.echo(job.model_dump_json())
        return
    typer.echo(f"{'id':36} {'created':16} {'operation':9} {'model':12} {'state':9} made")
    for job in found:
        typer.echo(_row(job))


@jobs.command(epilog=examples("jobs show job_…"))
def show(context: typer.Context, job: JobArgument, as_json: LinesOption = False) -> None:
    """Show how a job stands."""
    with client(context) as server:
        known = server.jobs.get(job)
    if as_json:
        typer.echo(known.model_dump_json(exclude={"result"}))
        return
    typer.echo(_row(known))
    typer.echo(_words(known))


@jobs.command(epilog=examples("jobs wait job_…", "jobs wait job_… --timeout 60 --out out/ --sheet"))
def wait(
    context: typer.Context,
    job: JobArgument,
    timeout: Annotated[
        float | None, typer.Option(help="Longest wait in seconds; the job goes on.")
    ] = None,
    out: ask.OutOption = None,
    sheet: ask.SheetOption = False,
    as_json: ask.JsonOption = False,
    force: ask.ForceOption = False,
) -> None:
    """Wait until a job has ended, and report its samples as generate does."""
    output = ask.Output(out, sheet, as_json, force)
    folder = output.begin()
    with client(context) as server:
        result = server.jobs.wait(job, timeout=timeout, progress=not as_json)
    report(result, output, folder)


@jobs.command(epilog=examples("jobs events job_…", "jobs events job_… --json"))
def events(context: typer.Context, job: JobArgument, as_json: LinesOption = False) -> None:
    """Follow a job from its beginning: its samples, as they are finished.

    Ctrl-C ends the view and leaves the job alone.
    """
    with client(context) as server:
        for event in server.jobs.events(job):
            line = json.dumps(_record(event)) if as_json else _line(event)
            if line:
                typer.echo(line)


@jobs.command(epilog=examples("jobs cancel job_…"))
def cancel(
    context: typer.Context,
    job: Annotated[
        list[str], typer.Argument(metavar="JOB...", help="Ids.", autocompletion=job_names)
    ],
) -> None:
    """Cancel jobs that are under way; those that have ended are forgotten, with their results."""
    with client(context) as server:
        for id in job:
            server.jobs.cancel(id)
            typer.echo(f"cancelled {id}")


def _row(job: JobSummary) -> str:
    made = f"{job.progress.done} of {job.progress.n}"
    created = f"{job.created_at.astimezone():%Y-%m-%d %H:%M}"
    return f"{job.id:36} {created:16} {job.operation:9} {job.model:12} {job.state:9} {made}"


def _words(job: Job) -> str:
    """Return in a line how a job stands."""
    if job.error is not None:
        return f"{job.error.get('title')}: {job.error.get('detail')}"
    if job.result is not None:
        until = (
            "" if job.expires_at is None else f", kept until {job.expires_at.astimezone():%H:%M}"
        )
        if isinstance(job.result, Calibration):
            return f"calibrated for {', '.join(job.result.calibrated) or 'no score'}{until}"
        if isinstance(job.result, Refit):
            return f"{job.result.name} is written, of {job.result.judged} verdicts{until}"
        return f"{summary(job.result)}{until}"
    if job.progress.queue_position is not None:
        return f"{job.progress.queue_position} before it"
    lanes = ", ".join(f"{lane.index} at t = {lane.t:.2f}" for lane in job.progress.lanes[:8])
    return f"{job.progress.share:.0%} done; on their way: {lanes or '-'}"


def _line(event: Event) -> str:
    """Return what a person would like to know of an event; nothing of steps."""
    if isinstance(event, Queued):
        return f"queued: {event.model}, {event.n} samples, seed {event.seed}"
    if isinstance(event, Started):
        return "started"
    if isinstance(event, SampleEvent):
        sample = event.sample
        sure = confidence_text(sample)
        taken = sample.finish_reason if sample.decision is None else sample.decision.action_taken
        return f"sample {sample.index}: confidence {sure}, {taken}"
    return f"completed: {event.n} samples" if isinstance(event, Completed) else ""


def _record(event: Event) -> dict[str, Any]:
    """Return everything about an event but arrays."""
    name = "sample" if isinstance(event, SampleEvent) else type(event).__name__.lower()
    facts = event.model_dump(mode="json", exclude={"sample": {"data", "map", "media_type"}})
    return {"event": name, **facts}
