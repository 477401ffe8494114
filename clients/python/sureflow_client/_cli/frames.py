"""``sureflow-client frames``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from .._trajectory import Show, Trajectory
from . import sampling as ask
from .app import app, client, examples


@app.command(
    epilog=examples(
        "frames hdl_… --out strip.png", "frames hdl_… --t 0 --t 0.5 --t 1 --map --out frames.npz"
    )
)
def frames(
    context: typer.Context,
    handle: ask.HandleArgument,
    t: Annotated[
        list[float] | None,
        typer.Option(help="A time in [0, 1]; may be repeated."),
    ] = None,
    count: Annotated[
        int, typer.Option(min=2, help="Without --t: so many times, equally far apart.")
    ] = 9,
    map: Annotated[
        bool, typer.Option("--map", help="Also where in the sample the model is undecided.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="A film strip (.png), or the exact numbers (.npz).", dir_okay=False
        ),
    ] = None,
) -> None:
    """Look at a trajectory: the state of the flow and where it was heading, over time."""
    if out is not None and out.suffix not in (".png", ".npz"):
        raise typer.BadParameter("ends with .png or .npz", param_hint="--out")
    show: list[Show] = ["state", "prediction", "map"] if map else ["state", "prediction"]
    times = t or np.linspace(0, 1, count).tolist()
    with client(context) as server:
        trajectory = server.frames(handle, times, show=show)
    typer.echo(f"{'step':>4} {'t':>6} {'rate':>10} {'uncertainty':>12}")
    for view in trajectory.views:
        rate, sum = _number(view.rate), _number(view.uncertainty)
        typer.echo(f"{view.step:4} {view.t:6.3f} {rate:>10} {sum:>12}")
    if out is not None:
        _write(trajectory, out, map)
        typer.echo(f"wrote {out}")


def _write(trajectory: Trajectory, out: Path, map: bool) -> None:
    if out.suffix == ".png":
        trajectory.strip().save(out)
        return
    arrays: dict[str, Any] = {
        "t": trajectory.t,
        "rate": trajectory.rate,
        "states": trajectory.states(),
        "predictions": trajectory.predictions(),
        **({"maps": trajectory.maps()} if map else {}),
    }
    np.savez(out, **arrays)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
