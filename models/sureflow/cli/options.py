"""Options that several commands share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sureflow.cli.app import clear_errors

if TYPE_CHECKING:
    from sureflow.evaluation.judged import SampleJudge


def declare(plugins: list[str] | None) -> list[str] | None:
    """Declare networks that checkpoints name; they may be in the working directory."""
    if plugins:
        from sureflow.networks import declare_plugin

        sys.path.insert(0, str(Path.cwd()))
        with clear_errors():
            for plugin in plugins:
                declare_plugin(plugin)
    return plugins


def use_threads(count: int) -> int:
    """Set torch's thread count; one per process is fastest on small shared machines."""
    import torch

    torch.set_num_threads(count)
    return count


def use_device(name: str) -> str:
    """Check that a device can be used, before anything is read or trained."""
    if name != "cpu":
        from sureflow.device import usable

        with clear_errors():
            usable(name)
    return name


def use_sampling_device(name: str) -> str:
    """The same, with the kernels that a server has on a GPU, so that samples are the same."""
    if use_device(name) != "cpu":
        from sureflow.numerics import make_deterministic

        make_deterministic()
    return name


Runs = Annotated[Path, typer.Option(help="Where the state of unfinished runs is kept.")]
Device = Annotated[
    str, typer.Option(help="Torch device: cpu, cuda, or cuda:1 and so on.", callback=use_device)
]
SamplingDevice = Annotated[
    str,
    typer.Option(
        "--device",
        help="Torch device: cpu, cuda, or cuda:1 and so on.",
        callback=use_sampling_device,
    ),
]
Threads = Annotated[int, typer.Option(min=1, help="Torch threads.", callback=use_threads)]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar.")]
Folder = Annotated[Path, typer.Argument(help="Checkpoint folder, or name of an embedded one.")]
Judge = Annotated[
    str | None,
    typer.Option(
        help="package.module:function, from samples to a list of bad or not; for a probe, how bad."
    ),
]
JudgeCommand = Annotated[
    str | None,
    typer.Option(
        help="Command that reads an .npz file and prints 1 for bad or 0 per sample; likewise."
    ),
]
Plugins = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        callback=declare,
        help="Network of your own, name=package.module:factory; repeat.",
    ),
]


def named_judge(function: str | None, command: str | None) -> tuple[SampleJudge, str] | None:
    """Return the judge of a command line, if any, and its name.

    Its module may be in the working directory.

    Raises:
        ValueError: There is no judge of that name, or two judges were given.
    """
    from sureflow.evaluation.judged import by_command, by_function

    if function and command:
        raise ValueError("judge: give a function or a command, not both")
    if function:
        sys.path.insert(0, str(Path.cwd()))
        return by_function(function), function
    return (by_command(command), command) if command else None
