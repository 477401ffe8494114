"""Samples that are vectors, as points: by their first two components, the surest the darkest."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Protocol

import numpy as np
import numpy.typing as npt
import PIL.Image
from PIL import ImageDraw, ImageFont

from ._decode import Array, Encoded
from ._exceptions import NotAnImage

SIZE, MARGIN, RADIUS = 420, 36, 3.5
SCALE = 2
"""Pixels of a picture for each of a page."""

MOST_POINTS = 2000
"""Of a page; more would make the notebook slow to open."""

NUMPY = "k05VTVBZ"
"""How the base64 text of a ``.npy`` file begins."""

FAINTEST = 0.2
"""Opacity of a sample of which the model is least sure; that of the surest is 1."""

Numbers = npt.NDArray[np.float64]

INK, PAPER = (20, 20, 20), (255, 255, 255)


class Point(Protocol):
    """What is shown of a sample that is a vector."""

    index: int
    shape: tuple[int, ...]
    data: Encoded | None
    confidence: float | None

    def array(self) -> Array: ...


def are_vectors(samples: Sequence[Point]) -> bool:
    """Return whether these can be shown as points: vectors, one of them with data.

    Those that came as a text or as a picture are sequences of characters.
    """
    vectors = all(len(sample.shape) == 1 and _numbered(sample.data) for sample in samples)
    return vectors and any(sample.data is not None for sample in samples)


def _numbered(data: Encoded | None) -> bool:
    """Whether data are a list of numbers, or those of a ``.npy`` file."""
    return not isinstance(data, str) or data.startswith(NUMPY)


def scatter_svg(samples: Sequence[Point], marked: Point | None = None) -> str:
    """Return points as an image of a notebook, in its own colours; one may be ringed."""
    shown = [sample for sample in samples if sample.data is not None][:MOST_POINTS]
    places, axes = _places(shown)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}" fill="currentColor" '
        f'opacity="{_opacity(sample):.2f}"><title>{escape(_title(sample))}</title></circle>'
        + (_ring(x, y) if sample is marked else "")
        for sample, (x, y) in zip(shown, places, strict=True)
    )
    return (
        f'<svg role="img" aria-label="samples, {escape(axes)}" width="{SIZE}" height="{SIZE}" '
        f'viewBox="0 0 {SIZE} {SIZE}">{_frame()}{dots}'
        f'<text x="{SIZE / 2}" y="{SIZE - 10}" text-anchor="middle" font-size="12" '
        f'fill="currentColor">{escape(axes)}</text></svg>'
    )


def scatter(samples: Sequence[Point]) -> PIL.Image.Image:
    """Return points as a picture.

    Raises:
        NotAnImage: There is none with data.
    """
    shown = [sample for sample in samples if sample.data is not None]
    places, axes = _places(shown)
    side = SIZE * SCALE
    image = PIL.Image.new("RGB", (side, side), PAPER)
    draw = ImageDraw.Draw(image)
    box = (MARGIN * SCALE, MARGIN * SCALE, side - MARGIN * SCALE, side - MARGIN * SCALE)
    draw.rectangle(box, None, (200, 200, 200))
    for sample, (x, y) in sorted(zip(shown, places, strict=True), key=lambda one: _opacity(one[0])):
        draw.circle((x * SCALE, y * SCALE), RADIUS * SCALE, _grey(_opacity(sample)))
    font = ImageFont.load_default(12 * SCALE)
    draw.text((side / 2, side - 8 * SCALE), axes, INK, font, anchor="ms")
    return image


def _places(samples: Sequence[Point]) -> tuple[list[tuple[float, float]], str]:
    """Return where on a page each sample is, and what is to the right and up."""
    if not samples:
        raise NotAnImage("there is no sample to draw")
    arrays = np.stack([sample.array() for sample in samples]).astype(np.float64)
    size = arrays.shape[1]
    if size > 1:
        x, y = arrays[:, 0], arrays[:, 1]
        more = f" of {size}" if size > 2 else ""
        axes = f"component 0 to the right, 1 up{more}; {_bounds(x)}, {_bounds(y)}"
    else:
        x = arrays[:, 0]
        y = np.array([sample.confidence or 0.0 for sample in samples])
        axes = f"value to the right, confidence up; {_bounds(x)}"
    return [*zip(_spread(x), _spread(-y), strict=True)], axes


def _spread(values: Numbers) -> list[float]:
    """Return numbers as places between the margins, the least first; all of one in the middle."""
    low, span = float(values.min()), float(np.ptp(values))
    shares = (values - low) / span if span > 0 else np.full(values.shape, 0.5)
    inner = MARGIN + 2 * RADIUS
    return [float(inner + share * (SIZE - 2 * inner)) for share in shares]


def _bounds(values: Numbers) -> str:
    return f"{float(values.min()):.3g} to {float(values.max()):.3g}"


def _opacity(sample: Point) -> float:
    return FAINTEST + (1 - FAINTEST) * min(max(sample.confidence or 0.0, 0.0), 1.0)


def _grey(opacity: float) -> tuple[int, int, int]:
    mixed = [round(p + (i - p) * opacity) for i, p in zip(INK, PAPER, strict=True)]
    return mixed[0], mixed[1], mixed[2]


def _title(sample: Point) -> str:
    sure = "?" if sample.confidence is None else f"{sample.confidence:.2f}"
    numbers = ", ".join(f"{number:.3g}" for number in sample.array()[:4])
    return f"sample {sample.index}: confidence {sure}; {numbers}"


def _frame() -> str:
    side = SIZE - 2 * MARGIN
    return (
        f'<rect x="{MARGIN}" y="{MARGIN}" width="{side}" height="{side}" fill="none" '
        'stroke="currentColor" opacity="0.3"/>'
    )


def _ring(x: float, y: float) -> str:
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{2 * RADIUS}" fill="none" stroke="currentColor" '
        'stroke-width="2"/>'
    )
