"""Commands of the library: train, fit, probe, calibrate, grid, evaluate, inspect."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sureflow.execution import Precision

if TYPE_CHECKING:
    from sureflow.evaluation.judged import SampleJudge

app = typer.Typer(
    help="Train flow models that know how sure they are, and serve them.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


def declare(plugins: list[str] | None) -> list[str] | None:
    """Take note of networks that checkpoints name; they may lie in the working directory."""
    if plugins:
        from sureflow.networks import declare_plugin

        sys.path.insert(0, str(Path.cwd()))
        with clear_errors():
            for plugin in plugins:
                declare_plugin(plugin)
    return plugins


def examples(*lines: str) -> str:
    """Return the end of a help page: commands, as they are typed."""
    return "\n\n".join(["**Examples:**", *(f"    {line}" for line in lines)])


Runs = Annotated[Path, typer.Option(help="Where the state of unfinished runs is kept.")]
Device = Annotated[str, typer.Option(help="Torch device, such as cpu or cuda.")]
Threads = Annotated[int, typer.Option(min=1, help="Torch threads.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar.")]
Folder = Annotated[Path, typer.Argument(help="Checkpoint folder, or name of an embedded one.")]
Judge = Annotated[
    str | None,
    typer.Option(help="package.module:function, from samples to a list of bad or not."),
]
JudgeCommand = Annotated[
    str | None,
    typer.Option(help="Command that reads an .npz file and prints 1 for bad or 0 per sample."),
]
Plugins = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        callback=declare,
        help="Network of your own, name=package.module:factory; repeat.",
    ),
]


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn expected failures into one line on standard error and exit code 1."""
    from pydantic import ValidationError

    from sureflow.checkpoint import CheckpointError

    try:
        yield
    except ValidationError as error:
        for problem in error.errors():
            field = ".".join(str(part) for part in problem["loc"])
            typer.echo(f"error: {field}: {problem['msg']}", err=True)
        raise typer.Exit(1) from error
    except (CheckpointError, OSError, ValueError, tomllib.TOMLDecodeError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


def use_threads(count: int) -> None:
    """Set torch's thread count; one per process is fastest on small shared machines."""
    import torch

    torch.set_num_threads(count)


def asked_judge(function: str | None, command: str | None) -> SampleJudge | None:
    """Return the judge that a command line names, if any; it may lie in the working directory.

    Raises:
        ValueError: There is none of that name, or there are two.
    """
    from sureflow.evaluation.judged import by_command, by_function

    if function and command:
        raise ValueError("judge: give a function or a command, not both")
    if function:
        sys.path.insert(0, str(Path.cwd()))
        return by_function(function)
    return by_command(command) if command else None


@app.command(
    epilog=examples(
        "sureflow train models/configs/ring.toml --out my-ring",
        "sureflow train my-flow.toml --device cuda --runs /scratch/runs",
    )
)
def train(
    config: Annotated[Path, typer.Argument(help="Training configuration, a TOML file.")],
    out: Annotated[Path | None, typer.Option(help="Default: models/checkpoints/NAME.")] = None,
    runs: Runs = Path("runs"),
    device: Device = "cpu",
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Train a network; run it again after an interruption and it continues."""
    from sureflow.checkpoint import embedded_folder
    from sureflow.training.config import read_config
    from sureflow.training.run import train as run

    use_threads(threads)
    with clear_errors():
        read = read_config(config)
        folder = out or embedded_folder() / read.name
        run(read, folder, runs, device, quiet)
    typer.echo(f"wrote {folder}")


@app.command(
    epilog=examples(
        "sureflow fit models/configs/fashion.toml --checkpoint my-fashion",
        "sureflow fit my-flow.toml --weights flow.safetensors --plugin my_package.flow:Flow",
    )
)
def fit(
    config: Annotated[Path, typer.Argument(help="Configuration with a [variance] section.")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="Default: models/checkpoints/NAME.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="For network kind `frozen`: your weights, as safetensors.")
    ] = None,
    plugin: Annotated[
        str | None,
        typer.Option(help="package.module:factory that makes the network of the config."),
    ] = None,
    runs: Runs = Path("runs"),
    device: Device = "cpu",
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Train only the variance of a trained velocity network; the velocity does not change.

    The network may be one of our checkpoints, or with --weights any torch module of yours.
    """
    from sureflow.checkpoint import embedded_folder
    from sureflow.networks import load_plugin
    from sureflow.training.config import read_config
    from sureflow.training.run import fit as run

    use_threads(threads)
    with clear_errors():
        read = read_config(config)
        if plugin:
            sys.path.insert(0, str(Path.cwd()))
            name, _, reference = plugin.rpartition("=")
            load_plugin(reference, name or read.network.get("base", read.network.get("kind")))
        folder = checkpoint or embedded_folder() / read.name
        run(folder, read, runs, device, quiet, weights)
    typer.echo(f"wrote {folder}")


@app.command(epilog=examples("sureflow probe my-fashion --judge my_package.realism:unreal"))
def probe(
    folder: Folder,
    judge: Judge = None,
    judge_command: JudgeCommand = None,
    draws: Annotated[int, typer.Option(min=10, help="Samples to be judged.")] = 12_000,
    seed: Annotated[int, typer.Option(min=0)] = 4_000_003,
    plugins: Plugins = None,
    device: Device = "cpu",
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Have samples judged, and learn to foretell that from the network's own activations.

    What was learned is the score `probe`, which costs no evaluations. Tables of an earlier probe
    are removed: calibrate afterwards.
    """
    from sureflow.checkpoint import CALIBRATION, PROBE, load, resolve
    from sureflow.evaluation.probing import fit_probe

    use_threads(threads)
    with clear_errors():
        asked = asked_judge(judge, judge_command)
        if asked is None:
            raise ValueError("judge: a probe is fitted to one; give --judge or --judge-command")
        path = resolve(folder)
        model = load(path, device)
        name = judge or judge_command or ""
        fitted = fit_probe(model, asked, name, draws, seed, quiet=quiet)
        fitted.save(path / PROBE)
        if model.calibration is not None and "probe" in model.calibration.quantiles:
            (path / CALIBRATION).unlink()
            typer.echo(f"removed {path / CALIBRATION}: it had tables of another probe")
    foretold = fitted.settings["spearman"]
    typer.echo(f"wrote {path / PROBE}: rank correlation with the judge {foretold:.2f}")


@app.command(
    epilog=examples(
        "sureflow calibrate my-ring",
        "sureflow calibrate my-fashion --draws 100 --guidance 1 --guidance 3 --score straightness",
        "sureflow calibrate my-digits --judge my_package.reader:misread",
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

    use_threads(threads)
    with clear_errors():
        asked = asked_judge(judge, judge_command)
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
            other = measure(model, made, other_draws, made.settings["seed"] + 2, quiet=quiet)
            made = replace(made, other=other)
            typer.echo(f"{made.score} holds for {other.holds.words(made.score)}")
        if asked is not None:
            name = judge or judge_command or ""
            table = judged(model, made, asked, name, judged_draws, made.settings["seed"] + 1, quiet)
            made = replace(made, conformal=table)
            typer.echo(f"bad: {table.note['bad_rate']:.2%}; certified at 90 %:")
            for rate in (0.005, 0.01, 0.02, 0.05, 0.1):
                typer.echo(f"  at most {rate:6.1%} bad: {_certificate(table.threshold(rate))}")
        made.save(path / CALIBRATION)
    typer.echo(f"wrote {path / CALIBRATION}")


def _certificate(threshold: float | None) -> str:
    return "none" if threshold is None else f"confidence of {threshold:.2f} or more"


@app.command(epilog=examples("sureflow grid my-ring", "sureflow grid my-fashion --draws 12"))
def grid(
    folder: Folder,
    draws: Annotated[int, typer.Option(min=2, help="Reference draws.")] = 24,
    hardest: Annotated[
        int | None, typer.Option(help="Fit to so many of the hardest, and as many others.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 2_000_003,
    plugins: Plugins = None,
    device: Device = "cpu",
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Find out where a fixed number of steps is best placed, and store it as the fitted grid."""
    from sureflow.checkpoint import GRID, load, resolve
    from sureflow.evaluation.placement import fit_grid

    use_threads(threads)
    with clear_errors():
        path = resolve(folder)
        fitted = fit_grid(load(path, device), draws, hardest, seed, quiet)
        fitted.save(path / GRID)
    typer.echo(f"wrote {path / GRID}: error on its draws x {exp(-fitted.settings['gain']):.2f}")


@app.command(epilog=examples("sureflow judge my-judge.safetensors --epochs 12"))
def judge(
    out: Annotated[Path, typer.Argument()] = Path("models/judges/fashion.safetensors"),
    epochs: Annotated[int, typer.Option(min=1)] = 12,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    threads: Threads = 1,
) -> None:
    """Train the judge on the Fashion-MNIST images that the flow did not train on."""
    from sureflow.evaluation.judge import train_judge
    from sureflow.training.data import JUDGE_FIRST, fashion_mnist

    use_threads(threads)
    with clear_errors():
        images, labels = fashion_mnist()
        trained = train_judge(images[JUDGE_FIRST:], labels[JUDGE_FIRST:], epochs, seed)
        out.parent.mkdir(parents=True, exist_ok=True)
        trained.save(out)
    typer.echo(f"wrote {out}")


@app.command(
    epilog=examples(
        "sureflow evaluate fashion",
        "sureflow evaluate my-fashion --count 500 --steps 10 --json figures.json",
    )
)
def evaluate(
    folder: Folder = Path("fashion"),
    judge: Annotated[Path, typer.Option()] = Path("models/judges/fashion.safetensors"),
    count: Annotated[int, typer.Option(min=100, help="Samples, and real images.")] = 2000,
    guidance: Annotated[float, typer.Option()] = 1.0,
    method: Annotated[str, typer.Option()] = "heun",
    steps: Annotated[int, typer.Option(min=1)] = 20,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    precision: Annotated[Precision, typer.Option(help="Of the network.")] = "float32",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures here too.")
    ] = None,
    threads: Threads = 1,
    quiet: Quiet = False,
) -> None:
    """Judge class-conditional samples: accuracy and judge-FD, for all and the confident half."""
    from sureflow.checkpoint import load
    from sureflow.evaluation.evaluate import assess, confident_half, draw_balanced, judge_accuracy
    from sureflow.evaluation.judge import Judge
    from sureflow.training.data import fashion_mnist, scaled

    use_threads(threads)
    with clear_errors():
        model = load(folder, precision=precision)
        reader = Judge.load(judge, len(model.card.classes))
        images, labels = fashion_mnist("test")
        held_out = scaled(images)
        samples = draw_balanced(
            model, count, seed, guidance=guidance, method=method, steps=steps, quiet=quiet
        )
        reports = {
            "all samples": assess(samples, reader, held_out),
            "confident half": assess(confident_half(samples), reader, held_out),
        }
    real = judge_accuracy(reader, held_out, labels)
    typer.echo(f"{model.card.name}: {method} {steps} steps, guidance {guidance:g}, seed {seed}")
    typer.echo(f"judge accuracy on {len(held_out)} held-out real images: {real:.1%}")
    typer.echo(f"{'':16}{'samples':>9}{'accuracy':>10}{'judge-FD':>10}{'floor':>8}{'ratio':>7}")
    for name, report in reports.items():
        typer.echo(
            f"{name:16}{report.count:9}{report.accuracy:10.1%}{report.distance:10.3f}"
            f"{report.floor:8.3f}{report.distance / report.floor:7.2f}"
        )
    typer.echo("floor: judge-FD between two disjoint sets of as many real images")
    if json_file is not None:
        figures = {name: asdict(report) for name, report in reports.items()}
        json_file.write_text(json.dumps({"real accuracy": real, **figures}, indent=2) + "\n")


@app.command(
    epilog=examples(
        "sureflow inspect fashion",
        "sureflow inspect my-moons --plugin moon-flow=my_package.flow:Flow",
    )
)
def inspect(folder: Folder, plugins: Plugins = None) -> None:
    """Check a checkpoint folder and print its card, files, checksums and tensors as JSON."""
    from sureflow.inspection import inspect as look_into

    with clear_errors():
        typer.echo(json.dumps(look_into(folder), indent=2))


@app.command(epilog=examples("sureflow models", "sureflow models my-checkpoints"))
def models(
    root: Annotated[
        Path | None, typer.Argument(help="Folder of checkpoint folders; default the embedded ones.")
    ] = None,
    plugins: Plugins = None,
) -> None:
    """List the models of a folder as a server would load them; exit code 1 if one is broken."""
    from sureflow.inspection import survey

    broken = False
    with clear_errors():
        for found in survey(root):
            if found.card is None:
                broken = True
                typer.echo(f"{found.folder.name:20}  cannot be loaded: {found.error}")
                continue
            card = found.card
            shape = "x".join(map(str, card.shape))
            calibrated = f"judged by {card.calibrated['score']}" if card.calibrated else "no tables"
            typer.echo(
                f"{card.name:20}  {card.media} {shape}, {len(card.classes)} classes,"
                f" {card.parameters} parameters, {calibrated}, {card.version}"
            )
    raise typer.Exit(int(broken))
