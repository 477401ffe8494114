"""Sizes: height and width of an image, length of a sequence. Free of torch.

A model that serves several shapes is asked for one of them by its size.
"""

from __future__ import annotations

from collections.abc import Sequence

Shape = tuple[int, ...]
Size = tuple[int, ...]

IMAGE = (1, 2)
"""Axes of the height and the width of an image ``[channels, height, width]``."""


def axes(shapes: Sequence[Shape]) -> tuple[int, ...]:
    """The axes along which samples of a model can differ: those of space, or of length.

    Arrays of three dimensions are images. Of others it is where their shapes differ, or, of one
    shape alone, all axes.
    """
    if len(shapes[0]) == 3:
        return IMAGE
    lengths = [{*along} for along in zip(*shapes, strict=True)]
    differing = tuple(axis for axis, found in enumerate(lengths) if len(found) > 1)
    return differing or tuple(range(len(shapes[0])))


def sizes(shapes: Sequence[Shape]) -> tuple[Size, ...]:
    """The size of each shape, in their order."""
    along = axes(shapes)
    return tuple(tuple(shape[axis] for axis in along) for shape in shapes)


def check_shapes(shapes: Sequence[Shape], first: Shape) -> None:
    """Check shapes that a network shall serve, of which the default one is the first.

    Raises:
        ValueError: They are not; the message begins with ``shapes``.
    """
    listed = f"shapes: {[[*shape] for shape in shapes]!s:.200}"
    if shapes[0] != first:
        raise ValueError(f"{listed} should begin with {[*first]}, the shape of the model")
    if len({len(shape) for shape in shapes}) > 1:
        raise ValueError(f"{listed} have different numbers of dimensions")
    if len({*shapes}) < len(shapes):
        raise ValueError(f"{listed} name one twice")
    if len(first) == 3 and len({shape[0] for shape in shapes}) > 1:
        raise ValueError(f"{listed} have different channels")


def in_words(size: Size) -> str:
    """The size as people write it, such as ``28x28``."""
    return "x".join(map(str, size))


def read_size(text: str) -> Size:
    """The size that a text such as ``28x28`` means.

    Raises:
        ValueError: It means none.
    """
    parts = text.strip().split("x")
    if not all(part.isdecimal() and part.isascii() and len(part) < 10 for part in parts):
        raise ValueError(f"{text!r:.60} is no size, such as 28x28, or 64 for a length")
    return tuple(map(int, parts))
