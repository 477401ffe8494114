"""``sureflow calibrate``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sureflow.cli.app import command
from sureflow.cli.options import (
    Folder,
    Judge,
    JudgeCommand,
    Plugins,
    Quiet,
    SamplingDevice,
    Threads,
    named_judge,
)

if TYPE_CHECKING:
    from sureflow.confidence.certificate import Conformal
    from sureflow.core.setting import Setting
    from sureflow.model import Model

TRIED = 1000
"""Draws by which scores are compared."""


@command(
    "sureflow calibrate my-ring",
    "sureflow calibrate my-ring --data ring.safetensors",
    "sureflow calibrate my-fashion --draws 100 --guidance 1 --guidance 3 --score straightness",
    "sureflow calibrate my-posterior --conditions simulations.safetensors",
    "sureflow calibrate my-digits --judge my_package.reader:misread",
    "sureflow calibrate my-digits --draws 0 --at euler:20 --judge my_package.reader:misread",
    "sureflow calibrate my-digits --draws 0 --other-draws 1600 --at euler:20 --at heun:12@2",
    "sureflow calibrate my-unet --draws 0 --other-draws 1600 --at heun:20:32x32",
    "sureflow calibrate my-unet --device cuda",
    "sureflow calibrate my-fashion --early",
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
    score_unconditional: Annotated[
        str | None, typer.Option(help="What to judge samples without a condition by; likewise.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="safetensors file with `samples`; without --score the score that finds draws far "
            "from them best is what to judge by."
        ),
    ] = None,
    costly: Annotated[
        bool, typer.Option("--costly", help="Tabulate scores that cost passes of their own too.")
    ] = False,
    conditions: Annotated[
        Path | None,
        typer.Option(help="safetensors file with `conditions.NAME`, which draws have in turn."),
    ] = None,
    judge: Judge = None,
    judge_command: JudgeCommand = None,
    judged_draws: Annotated[int, typer.Option(min=100, help="Samples to be judged.")] = 2000,
    other_draws: Annotated[
        int,
        typer.Option(min=0, help="Draws at each of other solvers and step counts; 0: none."),
    ] = 200,
    at: Annotated[
        list[str] | None,
        typer.Option(
            help="Only at these, and keep the rest; repeat it. METHOD:STEPS or METHOD:TOLERANCE, "
            "then /fitted, @GUIDANCE and :SIZE if wanted."
        ),
    ] = None,
    between: Annotated[
        bool,
        typer.Option("--between", help="Only try interpolation between settings measured before."),
    ] = False,
    early: Annotated[
        bool,
        typer.Option("--early", help="Only fit anew when samples are given up, and keep the rest."),
    ] = False,
    plugins: Plugins = None,
    device: SamplingDevice = "cpu",
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Draw reference samples and store what turns scores into confidence.

    Then draw others at other settings, and in between, and store what these do to confidence; and
    with a judge again others, and store what share of the confident ones is bad: of the setting of
    the reference draws, or of those that are named, beside certificates of other settings. All of
    that belongs to the tables of the reference draws, and goes when these are drawn anew.
    """
    from sureflow.checkpoint import CALIBRATION, load, resolve
    from sureflow.confidence.calibration import precision
    from sureflow.confidence.quantile_map import LEAST_DRAWS
    from sureflow.confidence.ranges import in_words
    from sureflow.core.family import family_of
    from sureflow.evaluation.judged import judged
    from sureflow.evaluation.reference import calibrate as run
    from sureflow.evaluation.reference import foresee, measure
    from sureflow.learned import LEARNED_FROM
    from sureflow.training.arrays import examples_in

    asked = named_judge(judge, judge_command)
    if early and (score or costly or asked or at or between):
        raise ValueError("early: the tables stay as they are; give no more with it than --guidance")
    examples = None if conditions is None else examples_in(conditions)
    path = resolve(folder)
    model = load(path, device)
    made = model.calibration
    if data is not None and draws and not score:
        score = _by_data(model, data, seed, quiet)
    if early:
        if made is None:
            raise ValueError("early: there are no tables to which it would belong")
        foresee(model, made, quiet, examples, guidance).save(path / CALIBRATION)
        typer.echo(f"wrote {path / CALIBRATION}")
        return
    without = score_unconditional or (made.unconditional if made else None)
    if draws:
        name, scales = score or model.score, guidance or [1.0]
        made = run(
            model,
            draws,
            scales,
            seed,
            score=name,
            costly=costly,
            quiet=quiet,
            conditions=examples,
        )
    elif made is None or guidance or score or costly or data:
        raise ValueError("draws: with 0 there must be tables, and they stay as they are")
    made = replace(made, unconditional=without)
    first = made.settings.get("seed", 0)
    wanted = [family_of(model.card).parse_setting(text) for text in at] if at else None
    if other_draws:
        around = [one.setting for one in made.measured.of] if between else None
        settings = [] if between and not at else wanted
        before = len(made.certificates)
        made = measure(model, made, other_draws, first + 2, settings, quiet, around, examples)
        if gone := before - len(made.certificates):
            typer.echo(f"{gone} of {before} certificates are gone: confidence there is another now")
        made = replace(made, settings=made.settings | {LEARNED_FROM: dict(model.digests)})
    many = made.settings["draws"]
    typer.echo(f"{many} draws of a class: confidence is a share within {precision(many):.1%}")
    if many < LEAST_DRAWS:
        typer.echo(f"which is nowhere said to be calibrated; it takes {LEAST_DRAWS}")
    else:
        where = in_words(made.measured.ranges, made.score, made.references[0])
        typer.echo(f"{made.score} is calibrated for {where}")
    places: list[Setting | None] = [*wanted] if wanted else [None]
    for text, setting in zip(at or [""], places, strict=True) if asked else ():
        assert asked is not None
        table = judged(model, made, *asked, judged_draws, first + 1, quiet, setting)
        made = made.certified(table)
        where = f"{text}: " if text else ""
        typer.echo(f"{where}bad: {table.note['bad_rate']:.2%}; certified at 90 %:")
        for line in _certified(table):
            typer.echo(f"  {line}")
    made.save(path / CALIBRATION)
    typer.echo(f"wrote {path / CALIBRATION}")


def _certified(table: Conformal) -> Iterator[str]:
    """What a certificate says, in lines."""
    told = table.stratified
    for rate in (0.005, 0.01, 0.02, 0.05, 0.1):
        threshold = table.threshold(rate)
        least = "none" if threshold is None else f"confidence of {threshold:.2f} or more"
        if told is not None and len(told.strata) > 1:
            kept = sum(told.threshold(name, rate) is not None for name in told.strata)
            least += f"; of each class: {kept} of {len(told.strata)}"
        yield f"at most {rate:6.1%} bad: {least}"


def _by_data(model: Model, file: Path, seed: int, quiet: bool) -> str | None:
    """Return the score that finds draws far from the data best, and say so; ``None`` for none."""
    from sureflow.evaluation.off_data import measured
    from sureflow.training.arrays import open_arrays
    from sureflow.training.config import DataConfig

    config = DataConfig.model_validate({"name": "file", "path": file})
    samples = open_arrays(config).samples
    found = measured(model, samples, TRIED, seed + 3, quiet)
    if not found:
        typer.echo(f"too few of {TRIED} draws lie far from the data to compare scores by them")
        return None
    best, *others = (f"{name} {share:.2f}" for name, share in found.items())
    typer.echo(f"finds draws far from the data best: {best} (of others, {', '.join(others)})")
    return next(iter(found))
