"""``sureflow-client review``."""

from __future__ import annotations

import sys
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import PIL.Image
import typer

from .._exceptions import NotAnImage
from .._refit import Refit
from .._review import Proposed, Review
from .._sync.client import Client
from .._verdict import Verdict
from .app import app, client, examples
from .complete import model_names
from .keys import END, keys

BATCH = 16
"""Samples that are asked for at a time."""

WIDEST = 80
"""Pixels across of pictures that the terminal shows."""

KEYS: dict[str, Verdict] = {"g": "good", "b": "bad", **{str(n): n / 9 for n in range(10)}}
UNDO, QUIT = ("u", "\x7f"), ("q", "\x1b", END)
HELP = "g good, b bad, 0 (good) to 9 (bad), u undo, q quit"


@app.command(
    epilog=examples(
        "review digits",
        "review digits --count 150 --certify",
        "review digits --show",
        "review digits --show --refit --as digits-2",
    )
)
def review(
    context: typer.Context,
    model: Annotated[str, typer.Argument(autocompletion=model_names)],
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Samples to look at.")] = 20,
    max_bad_rate: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="The bad rate that is to be certified.")
    ] = 0.02,
    focus: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Confidence of three of four samples; 0: as drawn.",
        ),
    ] = 0.5,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the pictures.", file_okay=False)
    ] = None,
    certify: Annotated[
        bool, typer.Option("--certify", help="In the end, have filters go by the verdicts.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also if the certificate in service promises more.")
    ] = False,
    refit: Annotated[
        bool,
        typer.Option(
            "--refit",
            help="In the end, fit a probe to all verdicts, for a new version of the model.",
        ),
    ] = False,
    name: Annotated[
        str | None,
        typer.Option("--as", help="With --refit: name of that version; default: with a number."),
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Only say how far the review has come.")
    ] = False,
) -> None:
    """Look at samples, a key for each, and have a bad rate certified by what you say.

    The keys: g good, b bad, 0 (good) to 9 (bad), u undo, q quit. Every verdict is kept at once, and
    the review goes on where it was left.
    """
    with client(context) as server:
        if not show:
            folder = out or Path(tempfile.mkdtemp(prefix="sureflow-review-"))
            folder.mkdir(parents=True, exist_ok=True)
            with keys() as key:
                _Desk(server, model, folder, focus, key).work(count)
        found = server.review(model, 0, max_bad_rate=max_bad_rate)
        if certify:
            found = server.certify(model, replace=replace)
            for warning in found.warnings:
                typer.echo(f"warning: {warning}", err=True)
        _tell(found)
        if refit:
            _refit(server, model, name)


@dataclass
class _Desk:
    """Where samples are looked at, one after the other."""

    server: Client
    model: str
    folder: Path
    focus: float
    key: Callable[[], str]
    waiting: deque[Proposed] = field(default_factory=deque)
    done: list[Proposed] = field(default_factory=list)

    def work(self, count: int) -> None:
        """Ask for verdicts on so many samples, until whoever looks has enough."""
        typer.echo(HELP)
        while len(self.done) < count and (sample := self._next()) is not None:
            self._show(sample, count)
            key = self.key().lower()
            if key in QUIT:
                return
            if key in UNDO and self.done:
                last = self.done.pop()
                self.server.judge([(last, None)])
                self.waiting.extendleft([sample, last])
            elif key in KEYS:
                self._keep(sample, KEYS[key])
            else:
                typer.echo(HELP)
                self.waiting.appendleft(sample)

    def _next(self) -> Proposed | None:
        """The next sample; None if there is none."""
        if not self.waiting:
            self.waiting.extend(self.server.review(self.model, BATCH, focus=self.focus).samples)
        return self.waiting.popleft() if self.waiting else None

    def _keep(self, sample: Proposed, verdict: Verdict) -> None:
        kept = self.server.judge([(sample, verdict)])
        self.done.append(sample)
        for each in kept.withdrawn:
            typer.echo(f"the certificate of {each.model} is withdrawn: {each.reason}", err=True)

    def _show(self, sample: Proposed, count: int) -> None:
        """Show a sample: as a picture in a file and in the terminal, or as numbers."""
        of = "" if sample.label is None else f" {sample.label}"
        typer.echo(f"{len(self.done) + 1}/{count}{of}: ", nl=False)
        try:
            image = sample.image()
        except NotAnImage:
            values = ", ".join(f"{value:.4g}" for value in sample.array().ravel()[:12])
            typer.echo(f"{values}{', ...' if sample.array().size > 12 else ''}")
            return
        path = self.folder / f"{sample.draw}.png"
        image.save(path)
        typer.echo(str(path))
        if sys.stdout.isatty() and image.width <= WIDEST:
            typer.echo(_drawn(image), color=True)


def _drawn(image: PIL.Image.Image) -> str:
    """Return a picture as characters, each of which has two pixels, one above the other."""
    pixels = image.convert("RGB")
    width, height = pixels.size

    def colour(x: int, y: int) -> str:
        red, green, blue = pixels.getpixel((x, y)) if y < height else (0, 0, 0)  # type: ignore[misc]
        return f"{red};{green};{blue}"

    rows = (
        "".join(f"\x1b[38;2;{colour(x, y)};48;2;{colour(x, y + 1)}m▀" for x in range(width))
        for y in range(0, height, 2)
    )
    return "\n".join(f"{row}\x1b[0m" for row in rows)


def _tell(found: Review) -> None:
    """Say how far a review has come."""
    told = ", ".join(f"{name or 'somebody'} {number}" for name, number in found.reviewers.items())
    typer.echo(f"{found.model}: {found.judged} draws with a verdict{f' ({told})' * bool(told)}")
    sure = f"{1 - found.delta:.0%}".replace("%", " %")
    typer.echo(f"{'confidence':>10} {'accepted':>9} {'judged':>7} {'bad':>4}  at most, at {sure}")
    for point in found.curve:
        accepted = "-" if point.accepted is None else f"{point.accepted:.0%}"
        counts = f"{accepted:>9} {point.judged:7} {point.bad:4}"
        typer.echo(f"{point.confidence:10.2f} {counts}  {point.bound:.1%}")
    rate, more = found.needed.max_bad_rate, found.needed.verdicts
    if more:
        typer.echo(f"{more} more good ones certify a bad rate of {rate:g}")
    elif more is None:
        typer.echo(f"it would take very many more to certify a bad rate of {rate:g}")
    if found.certificate is not None:
        holds = "is in service"
        if found.certificate.withdrawn is not None:
            holds = f"is withdrawn: {found.certificate.withdrawn}"
        judge = found.certificate.judge
        typer.echo(f"a certificate by {judge} from {found.certificate.smallest:.1%} on {holds}")


def _refit(server: Client, model: str, name: str | None) -> None:
    """Fit a probe to the verdicts; say what it is worth."""
    job = server.jobs.refit(model, name=name)
    typer.echo(f"{job.id}: a probe is fitted while the server has nothing else to do")
    for _ in server.jobs.events(job):
        pass
    made = server.jobs.get(job).result
    assert isinstance(made, Refit)
    typer.echo(f"{made.name} is written: {made.bad} of {made.judged} samples are bad")
    if made.auroc is not None and made.in_use is not None:
        typer.echo(f"{'AUROC of the probe':22} {made.auroc}, on samples left out of the fit")
        typer.echo(f"{f'of {made.score}':22} {made.in_use}, which is in use")
    typer.echo(f"{'rank correlation':22} {made.spearman:.2f}")
    for warning in made.warnings:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(
        f"{model} is as before; `sureflow-client models {made.name} --load` serves the other"
    )
