"""What notebooks show: galleries with confidence, and uncertainty over time.

Colours are those of the notebook, so that dark and light ones both read well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from math import isfinite
from typing import Protocol

import PIL.Image

from ._decision import Decision
from ._decode import Array, Encoded
from ._encode import encode_array
from ._profile import Commit, Profile
from ._scatter import are_vectors, scatter_svg

MAX_SHOWN = 64
"""Samples of a gallery; more would make the notebook slow to open."""

SIDE = 84
WIDTH, HEIGHT = 160, 40


class Sure(Protocol):
    """How sure the model is of a sample."""

    confidence: float | None
    confidence_holds: bool | None


class Pictured(Sure, Protocol):
    """What is shown of a sample; `Sample` has all of it."""

    index: int
    shape: tuple[int, ...]
    data: Encoded | None
    decision: Decision | None

    def array(self) -> Array: ...
    def image(self) -> PIL.Image.Image: ...


def caption(sample: Pictured) -> str:
    """Return confidence in a few characters, and what became of the sample if it failed."""
    sure = confidence_text(sample, ".2f")
    taken = "" if sample.decision is None else sample.decision.action_taken
    return sure if taken in ("", "accepted") else f"{sure} {taken}"


def confidence_text(sample: Sure, form: str = ".4g") -> str:
    """Return confidence in a few characters.

    A ``~`` before it says that it is no share; see ``Sample.confidence_holds``.
    """
    if sample.confidence is None:
        return "?"
    return f"{'~' if sample.confidence_holds is False else ''}{sample.confidence:{form}}"


def gallery_html(samples: Sequence[Pictured], title: str, marked: Pictured | None = None) -> str:
    """Return samples side by side, each with its confidence; vectors as points.

    Args:
        samples: What to show, in this order.
        title: Above them.
        marked: One of them that is framed.
    """
    if are_vectors(samples):
        points = scatter_svg(samples, marked)
        return f"<div><div>{escape(title)}: {len(samples)} samples</div>{points}</div>"
    figures = [_figure(sample, sample is marked) for sample in samples[:MAX_SHOWN]]
    more = len(samples) - len(figures)
    rest = f"<div>and {more} more</div>" if more > 0 else ""
    head = f"<div>{escape(title)}: {len(samples)} samples</div>"
    body = f'<div style="display:flex;flex-wrap:wrap;gap:8px">{"".join(figures)}</div>'
    return f"<div>{head}{body}{rest}</div>"


def sample_html(sample: Pictured, profile: Profile | None, commits: Sequence[Commit]) -> str:
    """Return a sample with its confidence, and its profile and commit points where there is one."""
    times = [commit.t for commit in commits]
    curve = "" if profile is None else profile_svg(profile.t, profile.rate, times)
    return f'<div style="display:flex;gap:12px;align-items:center">{_figure(sample)}{curve}</div>'


def strip_html(
    image: PIL.Image.Image | None, t: Sequence[float], rate: Sequence[float | None]
) -> str:
    """Return a trajectory as a film strip, if it is one of images, and its profile."""
    strip = "" if image is None else f'<img style="max-width:100%" src="{_source(image)}">'
    return f"<div>{strip}<div>{profile_svg(t, rate)}</div></div>"


def profile_svg(
    t: Sequence[float], rate: Sequence[float | None], commits: Iterable[float] = ()
) -> str:
    """Return uncertainty over time as a small curve, with a dashed line at each commit point."""
    known = [
        (time, value)
        for time, value in zip(t, rate, strict=True)
        if value is not None and isfinite(value)
    ]
    most = max((value for _, value in known), default=0.0) or 1.0
    points = " ".join(
        f"{WIDTH * time:.1f},{HEIGHT * (1 - max(value, 0) / most):.1f}" for time, value in known
    )
    lines = "".join(
        f'<line x1="{WIDTH * time:.1f}" x2="{WIDTH * time:.1f}" y1="0" y2="{HEIGHT}" '
        'stroke="currentColor" stroke-dasharray="3 2" opacity="0.6"/>'
        for time in commits
    )
    return (
        f'<svg role="img" aria-label="uncertainty over time" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="-1 -1 {WIDTH + 2} {HEIGHT + 2}"><polyline points="{points}" fill="none" '
        f'stroke="currentColor" stroke-width="1.5"/>{lines}</svg>'
    )


def _figure(sample: Pictured, marked: bool = False) -> str:
    frame = "outline:2px solid currentColor;outline-offset:2px;" if marked else ""
    return (
        f'<figure style="margin:0;text-align:center;{frame}">{_content(sample)}'
        f'<figcaption style="font-size:85%">{escape(caption(sample))}</figcaption></figure>'
    )


def _content(sample: Pictured) -> str:
    """The sample itself: an image, a few numbers, or an empty frame."""
    empty = f"width:{SIDE}px;height:{SIDE}px;border:1px dotted currentColor;opacity:0.4"
    if sample.data is None:
        return f'<div style="{empty}"></div>'
    try:
        image = sample.image()
    except ValueError:
        numbers = sample.array().ravel()
        shown = ", ".join(f"{number:.3g}" for number in numbers[:4])
        return f"<code>{shown}{', …' if len(numbers) > 4 else ''}</code>"
    alt = f"sample {sample.index}"
    return (
        f'<img alt="{alt}" src="{_source(image)}" style="width:{SIDE}px;image-rendering:pixelated">'
    )


def _source(image: PIL.Image.Image) -> str:
    return f"data:image/png;base64,{encode_array(image)}"
