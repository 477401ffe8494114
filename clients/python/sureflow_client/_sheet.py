"""Many small images in one picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, sqrt

import PIL.Image
from PIL import ImageDraw, ImageFont

from ._exceptions import NotAnImage
from ._html import caption
from ._sample import Sample
from ._scatter import are_vectors, scatter

Image = PIL.Image.Image

SIDE = 84
"""Pixels that the longer side of an image gets at least; small ones are enlarged by whole numbers,
so that every pixel of theirs stays a square."""

GAP = 6
LINE = 16
INK, PAPER, FRAME = (20, 20, 20), (255, 255, 255), (200, 200, 200)


def sheet(samples: Iterable[Sample], columns: int | None = None) -> Image:
    """Return samples in one picture, each with its confidence below it; vectors as points.

    Args:
        samples: Of one or of several results; those without data leave an empty frame.
        columns: Samples in a row; by default about as many as there are rows.

    Raises:
        NotAnImage: They are neither images nor vectors, or there is none with data.
    """
    several = list(samples)
    if are_vectors(several):
        return scatter(several)
    images = [None if sample.data is None else sample.image() for sample in several]
    return contact_sheet(images, [caption(sample) for sample in several], columns)


def contact_sheet(
    images: Sequence[Image | None], captions: Sequence[str], columns: int | None = None
) -> Image:
    """Return images in rows, each with its caption below it.

    Args:
        images: All of one size; ``None`` leaves an empty frame.
        captions: One for each.
        columns: Images in a row; by default about as many as there are rows.

    Raises:
        NotAnImage: There is no image.
    """
    cell = _cell(images)
    columns = min(columns or ceil(sqrt(len(images))), len(images))
    width, height = cell[0] + GAP, cell[1] + GAP + LINE
    rows = ceil(len(images) / columns)
    sheet = PIL.Image.new("RGB", (columns * width + GAP, rows * height + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, (image, words) in enumerate(zip(images, captions, strict=True)):
        corner = (GAP + place % columns * width, GAP + place // columns * height)
        _put(sheet, draw, image, corner, cell)
        _write(draw, words, (corner[0] + cell[0] / 2, corner[1] + cell[1] + 1))
    return sheet


def film_strip(rows: Sequence[tuple[str, Sequence[Image]]], captions: Sequence[str]) -> Image:
    """Return images in columns that belong together, each column with its caption below it.

    Args:
        rows: Name and images of each row, all of one size.
        captions: One for each column.

    Raises:
        NotAnImage: There is no image.
    """
    cell = _cell([image for _, images in rows for image in images])
    left = GAP + max(round(_font().getlength(name)) for name, _ in rows) + GAP
    width, height = cell[0] + GAP, cell[1] + GAP
    size = (left + len(captions) * width, GAP + len(rows) * height + LINE)
    strip = PIL.Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(strip)
    for row, (name, images) in enumerate(rows):
        top = GAP + row * height
        draw.text((GAP, top + cell[1] / 2), name, INK, _font(), anchor="lm")
        for column, image in enumerate(images):
            _put(strip, draw, image, (left + column * width, top), cell)
    for column, words in enumerate(captions):
        _write(draw, words, (left + column * width + cell[0] / 2, GAP + len(rows) * height))
    return strip


def _cell(images: Sequence[Image | None]) -> tuple[int, int]:
    """Size at which the images are drawn."""
    width, height = next((image.size for image in images if image is not None), (0, 0))
    if not width:
        raise NotAnImage("there is no image to draw")
    times = max(1, ceil(SIDE / max(width, height)))
    return width * times, height * times


def _put(
    sheet: Image,
    draw: ImageDraw.ImageDraw,
    image: Image | None,
    corner: tuple[int, int],
    cell: tuple[int, int],
) -> None:
    if image is None:
        draw.rectangle((*corner, corner[0] + cell[0] - 1, corner[1] + cell[1] - 1), None, FRAME)
    else:
        sheet.paste(image.convert("RGB").resize(cell, PIL.Image.Resampling.NEAREST), corner)


def _write(draw: ImageDraw.ImageDraw, text: str, middle: tuple[float, float]) -> None:
    draw.text(middle, text, INK, _font(), anchor="ma")


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(12)
