"""``sureflow calibrate``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from sureflow.cli.app import app, examples
from sureflow.cli.options import (
    Folder,
    Judge,
    JudgeCommand,
    Plugins,
    Quiet,
    Threads,
    clear_errors,
    named_judge,
    use_threads,
)

if TYPE_CHECKING:
    from sureflow.confidence.shift import Setting
    from sureflow.model import Model


@app.command(
    epilog=examples(
        "sureflow calibrate my-ring",
        "sureflow calibrate my-fashion --draws 100 --guidance 1 --guidance 3 --score straightness",
        "sureflow calibrate my-digits --judge my_package.reader:misread",
        "sureflow calibrate my-digits --draws 0 --other-draws 1600 --at euler:20",
    )
)
def calibrate(
    folder: Folder,
    draws: Annotated[
        int,
        typer.Option(min=0, help="Reference draws per class; 0: keep the tables that there are."),
    ] = 200,
    guidance: Annotated[list[float] | None, typer.Option(help="Scales; repeat it.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 1_000_003,
    score: Annotated[str | None, typer.Option(help="What to judge by; default: as before.")] = None,
    costly: Annotated[
        bool, typer.Option("--costly", help="Tabulate scores that cost passes of their own too.")
    ] = False,
    judge: Judge = None,
    judge_command: JudgeCommand = None,
    judged_draws: Annotated[int, typer.Option(min=100, help="Samples to be judged.")] = 2000,
    other_draws: Annotated[
        int,
        typer.Option(min=0, help="Draws at each of other solvers and step counts; 0: none."),
    ] = 200,
    at: Annotated[
        list[str] | None,
        typer.Option(help="Only at these of them, such as euler:20, and keep the rest; repeat it."),
    ] = None,
    plugins: Plugins = None,
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Draw reference samples and store what turns scores into confidence.

    Then draw others at other solvers and step counts, and store what these do to confidence; and
    with a judge again others, and store what share of the confident ones is bad. All of that
    belongs to the tables of the reference draws, and goes when these are drawn anew.
    """
    from sureflow.checkpoint import CALIBRATION, load, resolve
    from sureflow.evaluation.elsewhere import measure
    from sureflow.evaluation.judged import judged
    from sureflow.evaluation.reference import calibrate as run
    from sureflow.stamp import LEARNED_FROM

    use_threads(threads)
    with clear_errors():
        asked = named_judge(judge, judge_command)
        path = resolve(folder)
        model = load(path)
        if draws:
            made = run(
                model,
                draws,
                guidance or [1.0],
                seed,
                score=score or model.score,
                costly=costly,
                quiet=quiet,
            )
        elif model.calibration is None or guidance or score or costly:
            raise ValueError("draws: with 0 there must be tables, and they stay as they are")
        else:
            made = model.calibration
        if other_draws:
            wanted = [_setting(text, model) for text in at] if at else None
            fresh = made.settings["seed"] + 2
            other = measure(model, made, other_draws, fresh, wanted, quiet=quiet)
            if wanted and made.other is not None:
                other = made.other.renewed(other)
            learned_from = {LEARNED_FROM: dict(model.digests)}
            made = replace(made, other=other, settings=made.settings | learned_from)
            typer.echo(f"{made.score} holds for {other.holds.words(made.score)}")
        if asked is not None:
            table = judged(model, made, *asked, judged_draws, made.settings["seed"] + 1, quiet)
            made = replace(made, conformal=table)
            typer.echo(f"bad: {table.note['bad_rate']:.2%}; certified at 90 %:")
            for rate in (0.005, 0.01, 0.02, 0.05, 0.1):
                typer.echo(f"  at most {rate:6.1%} bad: {_certificate(table.threshold(rate))}")
        made.save(path / CALIBRATION)
    typer.echo(f"wrote {path / CALIBRATION}")


def _setting(text: str, model: Model) -> Setting:
    """What ``METHOD:STEPS`` means."""
    from sureflow.confidence.shift import Setting
    from sureflow.families.flow.spec import FlowSpec

    method, _, steps = text.partition(":")
    if not steps.isdecimal():
        raise ValueError(f"at: {text!r} is not of the form METHOD:STEPS")
    model.check(FlowSpec(0, 0, method, int(steps)))
    return Setting(method, int(steps))


def _certificate(threshold: float | None) -> str:
    return "none" if threshold is None else f"confidence of {threshold:.2f} or more"
